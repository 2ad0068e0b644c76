// Watches the running configuration for a while after a change, to detect regressions.
//
// Thread: the control thread.
// Lifetime: the runtime must outlive it.
#pragma once

#include "proxy/reload/regression_check.h"
#include "proxy/runtime/runtime.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <string>

namespace weir::proxy {

// Samples the pools of the running configuration.
HealthSample take_sample(const Runtime& runtime);
ListenerTries count_listeners(const Runtime& runtime);

// The recent error rates, so that a change is not blamed for errors that began before it.
class ErrorRateBaseline {
public:
    static constexpr std::chrono::seconds step{1};
    static constexpr std::size_t length = 30; // in steps

    void add(HealthSample sample, ListenerTries listeners);
    ErrorRates rates() const { return rates_of(steps_); }
    ErrorRates refusals() const { return rates_of(listener_steps_); }

private:
    static ErrorRates rates_of(const std::deque<PoolTries>& steps);

    std::optional<HealthSample> last_;
    ListenerTries last_listeners_;
    std::deque<PoolTries> steps_;
    std::deque<ListenerTries> listener_steps_;
};

class CanaryWindow {
public:
    CanaryWindow(boost::asio::io_context& control, const Runtime& runtime) : timer_(control), runtime_(runtime) {}

    // Take the baseline of a change: `begin` before it is applied, `changed` right after.
    void begin(const ErrorRateBaseline& history);
    void changed();

    // Watches until the window ends or `interrupted` returns true. Returns a description of the regression, if any.
    boost::asio::awaitable<std::optional<std::string>> watch(conf::Rollback rules, std::function<bool()> interrupted);

    // The time left in the window, while it is open.
    std::optional<std::chrono::milliseconds> left() const;
    bool is_open() const { return end_.has_value(); }

private:
    boost::asio::steady_timer timer_;
    const Runtime& runtime_;
    Baseline before_;
    std::optional<std::chrono::steady_clock::time_point> end_;
};

} // namespace weir::proxy
