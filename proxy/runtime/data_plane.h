// The workers, and what they share for as long as the process lives: their counters, the access log and the listening
// sockets.
//
// Thread: the control thread.
// Lifetime: the io_context and the listener must outlive it.
#pragma once

#include "conf/base/config_error.h"
#include "proxy/log/access_log.h"
#include "proxy/runtime/error_listener.h"
#include "proxy/runtime/listen_sockets.h"
#include "proxy/runtime/worker_group.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace weir::proxy {

class DataPlane {
public:
    // The system resources that a configuration change needs. They are released unless they are committed.
    struct Prepared {
        ListenSockets::Prepared sockets;
        std::optional<log::AccessLog::Output> output; // unset: the access log does not change
    };

    // Returns the number of workers: as configured, or one per core.
    static std::size_t worker_count(const conf::Process& process);
    // Returns how many copies of requests all workers together may have in flight.
    static std::size_t max_copies(const conf::Process& process);

    // Starts the workers. `listener` is called on the control thread.
    DataPlane(boost::asio::io_context& control, const conf::Process& process, ErrorListener& listener);

    // Sets the listening sockets of the old process; `bind` uses them before it binds new ones.
    void inherit(ListenSocketMap sockets) { sockets_.inherit(std::move(sockets)); }
    // Returns true if there are inherited sockets that no configuration has used yet.
    bool has_unclaimed() const { return !sockets_.unused().empty(); }
    // Returns the addresses of inherited sockets that the first configuration did not use.
    const std::vector<std::string>& unused() const { return unused_; }

    // Binds the addresses of `config` that are new. Clients cannot connect to them yet. Adds a problem for each address
    // that cannot be bound.
    Prepared bind(const conf::Config& config, std::vector<conf::Problem>& problems);
    // Returns a problem if the access log of `config` could not be opened now. Changes nothing.
    std::optional<conf::Problem> check_access_log(const conf::Config& config, const Snapshot& in_force) const;
    // Opens the access log if its output differs from that of `in_force` (null if no configuration is in force), and
    // listens on the new addresses. Adds a problem for each step that failed.
    static void open(Prepared& prepared, const conf::Config& config, const Snapshot* in_force,
                     std::vector<conf::Problem>& problems);
    // Puts the prepared resources into use. Cannot fail.
    void commit(Prepared&& prepared);

    // Hands a snapshot to every worker and completes when all of them use it. Its addresses must be committed.
    boost::asio::awaitable<void> adopt(SnapshotPtr snapshot) { return workers_.adopt(std::move(snapshot), sockets_); }

    // Stops listening, and calls `drained` on the control thread when the last connection has ended. Another process
    // continues to accept from the sockets in `kept_by_another`.
    void drain(const std::set<int>& kept_by_another, std::function<void()> drained);
    // Ends the remaining connections and the threads.
    void stop();

    const ListenSocketMap& sockets() const { return sockets_.all(); }
    const std::vector<WorkerCounters>& counters() const { return counters_; }
    log::AccessLog& access_log() { return access_log_; }
    const log::AccessLog& access_log() const { return access_log_; }
    WorkerGroup& workers() { return workers_; }
    const BodyStorage& bodies() const { return workers_.bodies(); }

private:
    std::vector<WorkerCounters> counters_;
    log::AccessLog access_log_;
    ListenSockets sockets_;
    WorkerGroup workers_;
    std::vector<std::string> unused_;
};

} // namespace weir::proxy
