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

RetryBudget::Second& RetryBudget::current(std::chrono::steady_clock::time_point now) {
    const auto at = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    auto& second = seconds_[static_cast<std::size_t>(at) % seconds_.size()];
    if (second.at != at) second = {at};
    return second;
}

bool RetryBudget::take(std::chrono::steady_clock::time_point now, std::uint32_t percent) {
    auto& second = current(now);
    std::uint64_t requests = 0, retries = 0;
    for (const auto& past : seconds_) {
        if (past.at < 0 || second.at - past.at >= static_cast<std::int64_t>(seconds_.size())) continue;
        requests += past.requests;
        retries += past.retries;
    }
    if (percent == 0 || retries >= always_allowed + requests * percent / 100) return false;
    ++second.retries;
    return true;
}

} // namespace weir::proxy::http
