// All workers of the process.
//
// Thread: the control thread.
// Lifetime: the io_context, the access log, the counters and the listener must outlive it.
#pragma once

#include "proxy/auth/password_checker.h"
#include "proxy/bodies/body_storage.h"
#include "proxy/runtime/connection_closer.h"
#include "proxy/runtime/error_listener.h"
#include "proxy/runtime/listen_sockets.h"
#include "proxy/runtime/worker.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace weir::proxy {

class WorkerGroup final : public ConnectionCloser, private ErrorListener {
public:
    // Starts `count` workers, which serve `max_connections` clients together. Long bodies of requests are buffered in
    // files in `body_directory`. Calls `listener` on the control thread.
    WorkerGroup(boost::asio::io_context& control, std::size_t count, std::size_t max_connections, log::AccessLog& log,
                std::vector<WorkerCounters>& counters, ErrorListener& listener, std::string body_directory);

    ~WorkerGroup() override { stop(); }
    WorkerGroup(const WorkerGroup&) = delete;
    WorkerGroup& operator=(const WorkerGroup&) = delete;

    // Hands a snapshot to every worker and completes when all of them use it.
    boost::asio::awaitable<void> adopt(SnapshotPtr snapshot, const ListenSockets& sockets);

    // Completes when the event loop of every worker has made one round; never completes while one of them hangs.
    boost::asio::awaitable<void> wait_for_all();

    void close_idle_to(const balancer::BackendPtr& backend) override;
    void cut_tunnels_to(const balancer::BackendPtr& backend) override;
    void cut(const balancer::BackendPtr& backend) override;
    void cut(const TrafficPath& path) override;

    const BodyStorage& bodies() const { return bodies_; }

    // Runs `work` on the thread of one worker. Thread: any worker's.
    void run_on(std::size_t worker, std::function<void()> work) { workers_[worker]->run(std::move(work)); }

    // Calls `counted` on the control thread with the number of open connections and requests of all workers.
    void count_open(std::function<void(const OpenWork&)> counted);
    // Calls `drained` on the control thread when no worker has a connection left.
    void drain(const std::set<int>& kept_by_another, std::function<void()> drained);
    // Ends the remaining connections and the threads.
    void stop();

private:
    struct Countdown;

    void on_consecutive_errors(const balancer::BackendPtr& backend) override; // thread: any worker's

    boost::asio::io_context& control_;
    ErrorListener& listener_;
    auth::PasswordChecker passwords_; // stopped before the workers, to whose loops it posts
    BodyStorage bodies_;              // likewise
    std::vector<std::unique_ptr<Worker>> workers_;
};

} // namespace weir::proxy
