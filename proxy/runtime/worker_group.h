// All workers of the process.
//
// Thread: the control thread.
// Lifetime: the io_context, the access log and the counters must outlive it.
#pragma once

#include "proxy/runtime/listen_sockets.h"
#include "proxy/runtime/worker.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <vector>

namespace weir::proxy {

class WorkerGroup {
public:
    // Starts the workers. Calls `on_errors` on the control thread.
    WorkerGroup(boost::asio::io_context& control, std::size_t count, std::size_t max_connections, log::AccessLog& log,
                std::vector<WorkerCounters>& counters, Worker::OnErrors on_errors);

    // Hands a snapshot to every worker and completes when all of them use it.
    boost::asio::awaitable<void> adopt(SnapshotPtr snapshot, const ListenSockets& sockets);

    // Completes when the event loop of every worker has made one round; never completes while one of them hangs.
    boost::asio::awaitable<void> wait_for_all();

    void close_idle_to(const balancer::BackendPtr& backend);
    void cut_tunnels_to(const balancer::BackendPtr& backend);
    void cut(const balancer::BackendPtr& backend);
    void cut(const TrafficPath& path);

    // Runs `work` on the thread of one worker. Thread: any worker's.
    void run_on(std::size_t worker, std::function<void()> work) { workers_[worker]->run(std::move(work)); }

    // Calls `counted` on the control thread with the sum of the open connections and requests of all workers.
    void count_open(std::function<void(const OpenWork&)> counted);
    // Calls `drained` on the control thread when no worker has a connection left.
    void drain(const std::set<int>& kept_by_another, std::function<void()> drained);
    // Ends the remaining connections and the threads.
    void stop();

private:
    struct Countdown;

    boost::asio::io_context& control_;
    std::vector<std::unique_ptr<Worker>> workers_;
};

} // namespace weir::proxy
