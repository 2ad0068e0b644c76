#include "proxy/worker/retry_budget.h"

namespace weir::proxy {

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

} // namespace weir::proxy
