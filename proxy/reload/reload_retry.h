// Keeps track of a configuration on disk that is not in force: the reason, and the time of the next try.
//
// Temporary obstacles (a lock, a server, a port, a host name) are retried with growing pauses until the configuration
// is in force, refused for its content, or replaced.
//
// Thread: the control thread.
// Lifetime: the listener must outlive it; it is called until `stop`.
#pragma once

#include "base/clock.h"
#include "base/timer.h"
#include "proxy/reload/force.h"
#include "proxy/reload/reload_report.h"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace weir::proxy {

struct PendingReload {
    std::string hash; // hash of the configuration that is not in force
    std::string reason;
    ReloadTrigger trigger = ReloadTrigger::none;
    Force force = Force::no;
    unsigned attempts = 0; // attempts made so far
    std::chrono::system_clock::time_point since;
    std::optional<std::chrono::system_clock::time_point> next_try; // unset: on request or when the file changes
};

// Pauses of 2 s, 4 s and so on, up to one minute.
class RetryPauses {
public:
    std::chrono::milliseconds next();
    void reset() { pause_ = first; }

private:
    static constexpr std::chrono::milliseconds first{2000}, longest{60'000};
    std::chrono::milliseconds pause_ = first;
};

// Returns what is pending, if anything, after a reload has ended with `report`. `before` was pending until then.
std::optional<PendingReload> pending_after(const ReloadReport& report, Force force,
                                           const std::optional<PendingReload>& before);

class RetryListener {
public:
    // Called when the time of the next try has come; `pending` is set.
    virtual void on_retry_due() = 0;

protected:
    ~RetryListener() = default;
};

class ReloadRetry {
public:
    ReloadRetry(boost::asio::io_context& control, RetryListener& listener)
        : clock_(clock_of(control)), timer_(control), listener_(listener) {}

    // Records how a reload ended. `repeated` says whether the fleet agent repeats the trigger until it succeeds.
    enum class Repeated { no, yes };
    void note(const ReloadReport& report, Force force, Repeated repeated);
    // Records that the files on disk have this hash, are not in force, and have not been read by a reload yet.
    void note_unread(std::string hash, ReloadTrigger trigger, std::string reason);
    // Records that the files on disk are in force.
    void clear();
    // Stops retrying until a reload is requested.
    void give_up(std::string reason);
    // Retries one second later.
    void postpone() { arm(std::chrono::seconds(1)); }
    void stop();

    const std::optional<PendingReload>& pending() const { return pending_; }

private:
    void arm(std::chrono::milliseconds pause);

    Clock& clock_;
    Timer timer_;
    RetryListener& listener_;
    RetryPauses pauses_;
    std::optional<PendingReload> pending_;
    bool stopped_ = false;
};

} // namespace weir::proxy
