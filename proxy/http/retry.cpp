#include "proxy/http/retry.h"

namespace weir::proxy::http {

namespace {

// Returns true if executing the request twice does no harm, and all of it can be sent twice.
bool may_be_repeated(const RequestPlan& plan) {
    if (plan.idempotence != Idempotence::idempotent) return false;
    return !plan.framing.has_body() || plan.delivery == BodyDelivery::stored;
}

} // namespace

bool may_retry(TryStage stage, const RequestPlan& plan) {
    switch (stage) {
    case TryStage::connecting: return true;
    case TryStage::sent: return may_be_repeated(plan);
    }
    return false;
}

} // namespace weir::proxy::http
