// Watches the running configuration for a while after a change, to detect regressions.
//
// Thread: the control thread.
// Lifetime: the runtime must outlive it, and it must outlive `watch`.
#pragma once

#include "base/timer.h"
#include "lock/lease/acquire.h"
#include "proxy/reload/error_rate_baseline.h"
#include "proxy/reload/regression_check.h"
#include "proxy/reload/reload_report.h"
#include "proxy/runtime/runtime.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace weir::proxy {

// How a window ended.
enum class WindowEnd {
    passed, // the change may stay
    failed, // the change must be rolled back
    closed, // weir stops, or another configuration is in force: there is no verdict
};

struct WindowVerdict {
    WindowEnd end = WindowEnd::passed;
    RollbackCause cause = RollbackCause::none; // if it failed
    std::string reason;                        // if it failed
};

class CanaryWindow {
public:
    CanaryWindow(boost::asio::io_context& control, const Runtime& runtime) : timer_(control), runtime_(runtime) {}

    // Take the baseline of a change: `begin` before it is applied, `changed` right after.
    void begin(const ErrorRateBaseline& history);
    void changed();

    // Watches until the window ends: after its time, at the first regression, when the lease is lost (null: there is
    // none), or by `end` or `close`.
    boost::asio::awaitable<WindowVerdict> watch(conf::Rollback rules, const lock::LeaseRenewer* lease);
    // Fails the open window. Returns false if no window is open.
    bool end(RollbackCause cause);
    // Closes the window. All later windows are closed as soon as they open.
    void close();

    // Returns the time left in the window; unset if none is open.
    std::optional<std::chrono::milliseconds> left() const;
    bool is_open() const { return end_.has_value(); }

private:
    std::optional<std::string> find_worse(const conf::Rollback& rules) const;
    WindowVerdict judge(const std::optional<std::string>& worse, const lock::LeaseRenewer* lease) const;

    Timer timer_;
    const Runtime& runtime_;
    Baseline before_;
    std::optional<Timer::TimePoint> end_;
    RollbackCause end_asked_ = RollbackCause::none; // of the open window
    bool closed_ = false;
};

} // namespace weir::proxy
