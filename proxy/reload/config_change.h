// One atomic change of the configuration, from the file to the verdict, under the reload lock:
//
//   load ─→ plan ─→ acquire the lock ─→ load again ─→ apply ─→ watch ─→ record ─→ release
//     │ errors, on the denylist, or needs a restart:              │ worse: rolled back
//     ↓ refused, nothing changes                                  ↓ and put on the denylist
//
// reload_lock.h acquires the lock; canary.h does everything from `apply` on.
//
// Thread: the control thread; one other thread reads files, and another one writes them.
// Lifetime: the runtime and `files` must outlive it.
#pragma once

#include "conf/read/load.h"
#include "lock/lease/acquire.h"
#include "proxy/fleet/fleet_agent.h"
#include "proxy/fleet/reload_lock.h"
#include "proxy/reload/canary.h"
#include "proxy/reload/config_reader.h"
#include "proxy/reload/force.h"
#include "proxy/reload/reload_preview.h"
#include "proxy/reload/state_store.h"
#include "proxy/runtime/runtime.h"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <string>

namespace weir::proxy {

enum class LockUse { none, waiting, held };

class ConfigChange {
public:
    // Passes the files to watch to `files` after each read. `state_dir` is fixed at construction.
    ConfigChange(boost::asio::io_context& control, Runtime& runtime, std::string path, const std::string& state_dir,
                 ConfigFiles& files);

    // Applies the first configuration, which needs no lock. Returns the errors; empty on success.
    boost::asio::awaitable<std::vector<std::string>> start(conf::Loaded loaded);

    // Loads the next configuration. If the fleet is the source but unreachable, an operator may force a change to this
    // machine's own file, provided that it names other lock servers.
    boost::asio::awaitable<conf::Loaded> load(Force force);
    // Like `load`, but changes no state.
    boost::asio::awaitable<conf::Loaded> peek() { return reader_.peek(source()); }
    // Checks whether a configuration given as texts could be applied here, and what it would change.
    boost::asio::awaitable<ReloadReport> examine(std::vector<conf::SourceFile> files);
    // Reports what a reload of these texts would do now, without changing anything. If they are this machine's own
    // file, or `files` is empty, it reads the files on disk, with includes resolved in this process's environment.
    boost::asio::awaitable<ReloadPreview> preview(std::vector<conf::SourceFile> files);
    boost::asio::awaitable<ReloadReport> change(conf::Loaded first, ReloadTrigger trigger, Force force);
    // Removes a configuration from this machine's denylist.
    boost::asio::awaitable<void> unban(std::string hash) { return store_.unban(std::move(hash)); }
    // Called when weir stops; nothing is applied or watched any more.
    void close(Presence presence) {
        canary_.close();
        fleet_.stop(presence);
    }
    // Ends the open canary window and puts its configuration on the denylist. Returns false if no window is open.
    bool abort() { return canary_.end_window(RollbackCause::aborted); }
    // Ends the open canary window if a newer valid configuration is available.
    boost::asio::awaitable<void> end_window_if_newer(Force force);
    // Blocks for a few seconds at most. Returns whether all disk operations have completed.
    bool wait_idle();
    // Sets the callback for a new pushed version, if this machine takes its configuration from the fleet.
    void on_pushed(std::function<void()> callback) { on_pushed_ = std::move(callback); }

    const std::string& path() const { return reader_.path(); }
    std::string hash_in_force() const { return runtime_.snapshot() ? runtime_.snapshot()->hash : ""; }
    // Whether these files, with all their errors, are what was read last.
    bool has_seen(const conf::Loaded& loaded) const { return mark_of(loaded) == seen_; }
    // Whether changed files are reloaded automatically.
    bool watches_files() const { return runtime_.snapshot() && runtime_.snapshot()->config.reload.watch; }
    // Whether the configuration comes from the fleet, which repeats it until it is settled.
    bool is_repeated_by_fleet() const { return source() == conf::ConfigSource::fleet && reader_.pushed().number > 0; }
    // Whether a version was pushed that differs from the one read last.
    bool has_newer_push() const {
        return source() == conf::ConfigSource::fleet && !reader_.pushed().is_same(fleet_.newest());
    }
    const ConfigFiles& files() const { return files_; }
    bool takes_from_fleet() const { return source() == conf::ConfigSource::fleet; }
    LockUse lock_use() const { return lock_use_; }
    const InForce& in_force() const { return canary_.in_force(); }
    const StateStore& store() const { return store_; }
    const CanaryWindow& window() const { return canary_.window(); }
    FleetAgent& fleet() { return fleet_; }
    const FleetAgent& fleet() const { return fleet_; }

private:
    // Makes one attempt under the lock. Returns whether another one is needed.
    enum class Retry { no, yes };
    boost::asio::awaitable<void> try_until_through(conf::Loaded first, ReloadReport& report, Force force);
    boost::asio::awaitable<Retry> try_change(conf::Loaded first, ReloadReport& report, Force force);
    boost::asio::awaitable<Retry> change_locked(conf::Loaded first, ReloadReport& report, Force force,
                                                const lock::LeaseRenewer* renewer);
    bool may_go_unlocked(const conf::Loaded& loaded, Force force) const;
    bool moves_lock(const conf::Loaded& loaded) const;
    boost::asio::awaitable<Retry> announce(ReloadReport& report, const lock::LeaseRenewer& renewer);
    boost::asio::awaitable<void> settle(const ReloadReport& report);
    boost::asio::awaitable<void> learn_of_unban(std::string hash);
    boost::asio::awaitable<conf::Loaded> read_for_preview(std::vector<conf::SourceFile> files);
    boost::asio::awaitable<void> preview_denylist(ReloadPreview& preview);
    void add_preview_notes(ReloadPreview& preview, const conf::Loaded& loaded) const;
    bool refuse_early(const conf::Loaded& loaded, Force force, ReloadReport& report);
    void judge(const conf::Loaded& loaded, Force force, ReloadReport& report) const;
    conf::ConfigSource source() const;
    static std::string mark_of(const conf::Loaded& loaded);
    lock::FleetMember describe_self() const;
    FleetAgent::About about_self();

    boost::asio::io_context& control_;
    Runtime& runtime_;
    ConfigFiles& files_;
    StateStore store_;
    FleetAgent fleet_;
    ConfigReader reader_;
    Canary canary_;
    ReloadLock reload_lock_;
    std::function<void()> on_pushed_;
    std::pair<std::string, std::string> refused_; // hash of the refused configuration, and the error; empty if none
    lock::FleetVersion applying_;                 // the pushed version that is being applied
    std::string seen_;                            // mark of the last reading of the files
    LockUse lock_use_ = LockUse::none;
    conf::ConfigSource read_from_ = conf::ConfigSource::file; // source of the last load
};

} // namespace weir::proxy
