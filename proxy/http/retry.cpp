#include "proxy/http/retry.h"

namespace weir::proxy::http {

bool may_retry(TryStage stage, const RequestPlan& plan) {
    switch (stage) {
    case TryStage::connecting: return true;
    case TryStage::sent: return plan.idempotence == Idempotence::idempotent && !plan.framing.has_body();
    }
    return false;
}

} // namespace weir::proxy::http
