// Runs reloads one at a time: makes a change for each trigger (config_change.h), and retries a pending configuration.
//
// Triggers that arrive during a reload are joined into one further reload.
//
// Thread: the control thread.
// Lifetime: the parts must outlive it.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "proxy/reload/push_listener.h"
#include "proxy/reload/reload_history.h"
#include "proxy/reload/reload_parts.h"
#include "proxy/reload/reload_requests.h"
#include "proxy/reload/reload_retry.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <optional>
#include <string>
#include <vector>

namespace weir::proxy {

class Reloader final : private PushListener, private RetryListener {
public:
    Reloader(boost::asio::io_context& control, ReloadParts& parts);
    ~Reloader();
    Reloader(const Reloader&) = delete;
    Reloader& operator=(const Reloader&) = delete;

    // Applies the first configuration. Returns the errors; empty on success.
    boost::asio::awaitable<std::vector<std::string>> start(conf::Loaded loaded);

    // Requests a reload and returns at once.
    void request(ReloadTrigger trigger, Force force = Force::no);
    // Requests a reload, waits for its end and returns its report.
    boost::asio::awaitable<ReloadReport> request_and_wait(ReloadTrigger trigger, Force force = Force::no);
    // Ends the open canary window, waits for the rollback and returns its report. Returns nothing if no window is open.
    boost::asio::awaitable<std::optional<ReloadReport>> abort();
    // Requests a reload if the files differ from what was read last.
    void request_if_changed(ReloadTrigger trigger);
    // Records whether the files are in force, and reloads nothing. Called when files may have changed and
    // `reload.watch` is off.
    void note_files();
    // Makes the files on disk and the configuration in force agree before a hot restart: reloads files that no reload
    // has read yet. Fails with the reason if the files are not in force.
    boost::asio::awaitable<Result<void>> settle_files();
    // Holds requests back until `resume`, so that a new process finds one stable configuration.
    void hold() { requests_.hold(); }
    void resume() { requests_.resume(); }
    // Called when weir stops: from now on nothing is applied, and a held lock is released.
    void close(Presence presence);

    const ReloadReport& last() const { return history_.last(); }
    const ReloadCounts& counts() const { return history_.counts(); }
    // Returns the configuration on disk that is not in force; unset if there is none, as far as weir knows.
    const std::optional<PendingReload>& pending() const { return retry_.pending(); }
    const ReloadParts& parts() const { return parts_; }
    ReloadParts& parts() { return parts_; }
    bool in_progress() const { return requests_.is_in_progress(); }
    std::uint64_t fence() const { return parts_.state.in_force.fence; } // of the configuration in force
    std::chrono::system_clock::time_point loaded_at() const { return parts_.state.in_force.since; }

private:
    void on_pushed() override;
    void on_retry_due() override;

    void add(const ReloadRequest& request);
    boost::asio::awaitable<void> work();
    // Returns nothing if the request turns out to need no reload.
    boost::asio::awaitable<std::optional<ReloadReport>> reload(ReloadRequest request);
    void finish(ReloadReport report, Force force);
    bool is_in_force(const conf::Loaded& loaded) const;
    boost::asio::awaitable<void> look_at_files();
    // During a canary window: checks whether requests since its start are a reason to end it.
    boost::asio::awaitable<void> look_for_newer();

    boost::asio::io_context& control_;
    Clock& clock_;
    ReloadParts& parts_;
    ReloadRequests requests_;
    ReloadRetry retry_;
    ReloadHistory history_;
    bool looking_ = false; // for a newer configuration
};

} // namespace weir::proxy
