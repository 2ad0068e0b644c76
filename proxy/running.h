// What runs: the one place where configuration, workers, health and logs meet.
//
// Thread: the control thread.
// Lifetime: lives as long as the process serves.
#pragma once

#include "conf/error.h"
#include "proxy/beat_desk.h"
#include "proxy/cutter.h"
#include "proxy/handover.h"
#include "proxy/health_watch.h"
#include "proxy/listen_sockets.h"
#include "proxy/log/access_log.h"
#include "proxy/name_book.h"
#include "proxy/snapshot_builder.h"
#include "proxy/turnstile.h"
#include "proxy/worker_group.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <functional>
#include <string>
#include <vector>

namespace weir::proxy {

class Running {
public:
    static std::size_t worker_count(const conf::Process& process);

    // `process` is fixed from here on.
    Running(boost::asio::io_context& control, const conf::Process& process);
    ~Running();

    // What an old process handed over, before the first configuration is put in force.
    void inherit(Handover handover);
    // What a new process is to get: the sockets, the backends' health, and what was changed at run time.
    Handover hand_over() const;
    // What of an old process's sockets the first configuration had no use for.
    const std::vector<std::string>& unused() const { return unused_; }

    // Looks the host names of a configuration up that are not known yet, for seconds perhaps. Returns what cannot be
    // found; `apply` takes no time for the others.
    boost::asio::awaitable<std::vector<conf::Problem>> find_names(const conf::Config& config);
    // Those that what is in force has no use for: they would be old when they are asked for again.
    void forget_names() { names_.watch({&snapshot_->config}); }
    // Puts a valid configuration in force, all or nothing. Returns what stands in the way; empty: it is in force.
    boost::asio::awaitable<std::vector<conf::Problem>> apply(conf::Config config, std::string hash);

    // Changes a backend of the configuration in force at run time, over reloads, until it is cleared; one that stands
    // for several addresses, all of them. False where there is no such backend. Ends when every worker knows.
    boost::asio::awaitable<bool> set_override(std::string pool, std::string backend,
                                              std::function<void(Override&)> edit);
    const Adjustments& adjustments() const { return adjustments_; }
    BeatAnswer take_beat(std::string_view body) { return beats_.take(body); }

    // Goes on to watch what the configuration in force uses though the next one may not: it may come back. Null ends
    // it.
    void stand_by(SnapshotPtr previous);
    // When that one comes back: its backends are as healthy as they were.
    void restore_health() { health_.restore(*snapshot_); }
    // When it has come back: errors under the one before are not held against backends.
    void pardon() { health_.pardon(*snapshot_); }

    const SnapshotPtr& snapshot() const { return snapshot_; }
    const HealthWatch& health() const { return health_; }
    const std::vector<WorkerCounters>& counters() const { return counters_; }
    log::AccessLog& access_log() { return access_log_; }
    const log::AccessLog& access_log() const { return access_log_; }
    WorkerGroup& workers() { return workers_; }
    const ListenSockets& sockets() const { return sockets_; }
    void stop();

private:
    boost::asio::awaitable<void> adopt(SnapshotPtr next);
    boost::asio::awaitable<void> rebuild();
    void rebuild_soon();
    void forget_wishes(const conf::Config& next);
    void on_wish(const balancer::BackendPtr& backend, const Override& wish);

    boost::asio::io_context& control_;
    std::vector<WorkerCounters> counters_;
    log::AccessLog access_log_;
    ListenSockets sockets_;
    SnapshotBuilder builder_;
    Adjustments adjustments_;
    NameBook names_;
    SnapshotPtr snapshot_;
    Turnstile turnstile_; // snapshots change one at a time
    HealthWatch health_;
    BeatDesk beats_;
    WorkerGroup workers_;
    Cutter cutter_;
    std::vector<std::string> unused_;
    bool rebuild_asked_ = false;
};

} // namespace weir::proxy
