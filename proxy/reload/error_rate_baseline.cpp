#include "proxy/reload/error_rate_baseline.h"

#include <utility>

namespace weir::proxy {

void ErrorRateBaseline::add(HealthSample sample, ListenerTries listeners) {
    if (last_) {
        steps_.push_back(tries_between(*last_, sample));
        listener_steps_.push_back(listeners_between(last_listeners_, listeners));
    }
    if (steps_.size() > length) steps_.pop_front();
    if (listener_steps_.size() > length) listener_steps_.pop_front();
    last_ = std::move(sample);
    last_listeners_ = std::move(listeners);
}

ErrorRates ErrorRateBaseline::rates_of(const std::deque<PoolTries>& steps) {
    PoolTries all;
    for (const auto& tries : steps)
        for (const auto& [name, pool] : tries) all[name].tries += pool.tries, all[name].errors += pool.errors;
    return error_rates(all);
}

} // namespace weir::proxy
