// Runs reloads one at a time: runs a change for each trigger (config_change.h), and counts and reports the outcomes.
//
// Triggers that arrive during a reload are joined into one further reload.
//
// Thread: the control thread.
// Lifetime: the ConfigChange must outlive it.
#pragma once

#include "base/result.h"
#include "proxy/reload/config_change.h"
#include "proxy/reload/reload_retry.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace weir::proxy {

struct ReloadCounts {
    std::uint64_t applied = 0, unchanged = 0, refused = 0, rolled_back = 0, rollback_failed = 0, lock_failures = 0;
};

class Reloader {
public:
    Reloader(boost::asio::io_context& control, ConfigChange& changer);

    // Applies the first configuration. Returns the errors; empty on success.
    boost::asio::awaitable<std::vector<std::string>> start(conf::Loaded loaded);

    // Requests a reload and returns at once.
    void request(ReloadTrigger trigger, Force force = Force::no);
    // Requests a reload and waits for its end.
    boost::asio::awaitable<ReloadReport> request_and_wait(ReloadTrigger trigger, Force force = Force::no);
    // Ends the open canary window and waits for the rollback. Returns nothing if no window is open.
    boost::asio::awaitable<std::optional<ReloadReport>> abort();
    // Requests a reload if the files differ from what was read last.
    void request_if_changed(ReloadTrigger trigger);
    // Called without `reload.watch` when files may have changed: records whether they are in force; reloads nothing.
    void note_files();
    // Makes the files on disk and the configuration in force agree before a hot restart: reloads files that no reload
    // has read yet. Fails with the reason if the files are not in force.
    boost::asio::awaitable<Result<void>> settle_files();
    // Holds requests back until `resume`, so that a new process finds one stable configuration.
    void hold() { held_ = true; }
    void resume() { held_ = false, wanted_.cancel(); }
    // Called when weir stops; nothing is applied any more, and a held lock is released.
    void close(Presence presence) {
        closed_ = true;
        retry_.stop();
        changer_.close(presence);
    }

    const ReloadReport& last() const { return last_; }
    // The configuration on disk that is not in force; unset if there is none, as far as weir knows.
    const std::optional<PendingReload>& pending() const { return retry_.pending(); }
    const ReloadCounts& counts() const { return counts_; }
    const ConfigChange& changer() const { return changer_; }
    ConfigChange& changer() { return changer_; }
    bool in_progress() const { return running_now_; }
    std::uint64_t fence() const { return changer_.in_force().fence; } // of the configuration in force
    std::chrono::system_clock::time_point loaded_at() const { return changer_.in_force().since; }

private:
    // The requests that have not started yet, joined into one.
    struct JoinedRequest {
        ReloadTrigger trigger = ReloadTrigger::none;
        Force force = Force::no;
        bool only_if_changed = true; // all requests ask only for changed files
        bool only_retry = true;      // all requests are retries
    };

    void ask(ReloadTrigger trigger, Force force, bool only_if_changed, bool only_retry);
    boost::asio::awaitable<void> work();
    boost::asio::awaitable<void> answer();
    void finish(const ReloadReport& report, Force force);
    void retry();
    void request_pushed();
    boost::asio::awaitable<void> look_at_files();
    // During a canary window: checks whether requests since its start are a reason to end it.
    boost::asio::awaitable<void> look_for_newer();

    boost::asio::io_context& control_;
    ConfigChange& changer_;
    boost::asio::steady_timer wanted_, finished_;
    ReloadRetry retry_;
    JoinedRequest request_;
    std::uint64_t asked_ = 0, answering_ = 0, answered_ = 0;
    bool running_now_ = false, looking_ = false, held_ = false, closed_ = false;
    ReloadReport last_;
    ReloadCounts counts_;
};

} // namespace weir::proxy
