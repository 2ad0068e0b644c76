// One thread of traffic: accepts from its own sockets, carries its own connections, shares nothing.
//
// Thread: start, the posts and the destructor on the control thread; what is posted runs on the worker's own.
// Lifetime: the access log and the counters must outlive it.
#pragma once

#include "proxy/worker_context.h"

#include <functional>
#include <set>
#include <thread>
#include <unordered_map>

namespace weir::proxy {

// What a worker listens on: one socket for each listener, bound by the control thread.
struct ListenSocket {
    int fd;
    std::string name; // of the listener in the snapshot
};

class Worker final : private WorkerContext {
public:
    // Called on the worker's thread where a backend has failed as often in a row as its pool allows.
    using OnErrors = std::function<void(const balancer::BackendPtr&)>;

    Worker(std::size_t index, log::AccessLog& log, WorkerCounters& counters, std::size_t max_connections,
           OnErrors on_errors);
    ~Worker();

    void start();

    // Takes a new configuration. Sockets not in `sockets` any more are emptied and closed; `done` is called on the
    // worker's thread when it is in force.
    void adopt(SnapshotPtr snapshot, std::vector<ListenSocket> sockets, std::function<void()> done);

    // A backend is out: idle connections to it are closed.
    void close_idle_to(balancer::BackendPtr backend);
    // Its time is over: every connection to it is ended.
    void cut(balancer::BackendPtr backend);
    // Likewise of everything that came by a way that is gone.
    void cut(Way way);

    // Stops to accept and ends each connection as soon as nothing is lost; `drained` is called when the last is gone.
    // Who waits in a queue is still served, but for those that another process goes on emptying.
    void drain(std::set<int> kept_by_another, std::function<void()> drained);
    // Runs something on the worker's thread.
    void run(std::function<void()> work) { loop.post(std::move(work)); }

    // Ends every connection now, then the thread; `join` waits for that.
    void stop();
    void join();

private:
    class Acceptor;

    void update_listeners(const std::vector<ListenSocket>& sockets, const std::set<int>& kept_by_another = {});
    void accept_from(Acceptor& acceptor, int most);
    void start_session(int fd, const std::shared_ptr<WorkerListener>& listener, const conf::Address& peer);
    void pause_accepting();
    void on_room() override;
    void report_errors(const balancer::BackendPtr& backend) override { on_errors_(backend); }
    bool spare_idle() override { return views_.close_all_idle() > 0; }
    void end_all();

    const std::size_t max_connections_;
    const OnErrors on_errors_;
    ViewBuilder views_{loop, index};
    std::unordered_map<int, std::unique_ptr<Acceptor>> acceptors_; // by descriptor
    bool paused_ = false;
    std::function<void()> drained_;
    std::thread thread_;
};

} // namespace weir::proxy
