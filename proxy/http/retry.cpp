#include "proxy/http/retry.h"

namespace weir::proxy::http {

bool may_retry(const FailedTry& failed) {
    switch (failed.stage) {
    case FailedTry::Stage::connecting: return failed.replayable;
    case FailedTry::Stage::sent: return failed.replayable && failed.idempotent;
    case FailedTry::Stage::answering: break;
    }
    return false;
}

bool is_idempotent(std::string_view method) {
    for (const std::string_view known : {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
        if (method == known) return true;
    return false;
}

} // namespace weir::proxy::http
