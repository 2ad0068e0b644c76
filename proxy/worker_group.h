// All the workers of a process.
//
// Thread: the control thread.
// Lifetime: the io_context, the access log and the counters must outlive it.
#pragma once

#include "proxy/listen_sockets.h"
#include "proxy/worker.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <vector>

namespace weir::proxy {

class WorkerGroup {
public:
    // `on_errors` is called on the control thread.
    WorkerGroup(boost::asio::io_context& control, std::size_t count, std::size_t max_connections, log::AccessLog& log,
                std::vector<WorkerCounters>& counters, Worker::OnErrors on_errors);

    // Hands a snapshot to every worker; ends when all of them serve by it.
    boost::asio::awaitable<void> adopt(SnapshotPtr snapshot, const ListenSockets& sockets);

    void close_idle_to(const balancer::BackendPtr& backend);
    void cut(const balancer::BackendPtr& backend);
    void cut(const Way& way);

    // Runs something on a worker's thread. Thread: any worker's own.
    void run_on(std::size_t worker, std::function<void()> work) { workers_[worker]->run(std::move(work)); }

    // Calls `drained` on the control thread once no worker has a connection left.
    void drain(const std::set<int>& kept_by_another, std::function<void()> drained);
    // Cuts what is left and ends the threads.
    void stop();

private:
    struct Countdown;

    boost::asio::io_context& control_;
    std::vector<std::unique_ptr<Worker>> workers_;
};

} // namespace weir::proxy
