// The recent error rates, so that a change is not blamed for errors that began before it.
//
// Thread: one at a time.
// Lifetime: owns its samples.
#pragma once

#include "proxy/reload/regression_check.h"

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>

namespace weir::proxy {

class ErrorRateBaseline {
public:
    static constexpr std::chrono::seconds step{1};
    static constexpr std::size_t length = 30; // in steps

    // Adds the samples of one step. Must be called once per step.
    void add(HealthSample sample, ListenerTries listeners);
    // Return the rates over the last steps: the error rates of pools, and the refusal rates of listeners.
    ErrorRates rates() const { return rates_of(steps_); }
    ErrorRates refusals() const { return rates_of(listener_steps_); }

private:
    static ErrorRates rates_of(const std::deque<PoolTries>& steps);

    std::optional<HealthSample> last_;
    ListenerTries last_listeners_;
    std::deque<PoolTries> steps_;
    std::deque<ListenerTries> listener_steps_;
};

} // namespace weir::proxy
