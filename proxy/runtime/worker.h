// One worker thread: it accepts from its own sockets, serves its own connections, and shares no state.
//
// Thread: start, the posting functions and the destructor run on the control thread; posted work runs on the worker's.
// Lifetime: the access log, the counters and the listener must outlive it.
#pragma once

#include "proxy/runtime/error_listener.h"
#include "proxy/runtime/listen_socket.h"
#include "proxy/worker/worker_context.h"

#include <functional>
#include <set>
#include <thread>
#include <unordered_map>

namespace weir::proxy {

class Worker final : private WorkerEvents {
public:
    // Calls `listener` on the worker's thread.
    Worker(std::size_t index, log::AccessLog& log, WorkerCounters& counters, std::size_t max_connections,
           ErrorListener& listener, auth::PasswordChecker& passwords, BodyStorage& bodies);
    ~Worker();

    // Starts the thread. Must be called once.
    void start();

    // Switches to a new configuration. Stops accepting from sockets that are no longer in `sockets`, after their queued
    // clients were accepted. Calls `done` on the worker's thread when the configuration is in force.
    void adopt(SnapshotPtr snapshot, std::vector<WorkerSocket> sockets, std::function<void()> done);

    // Closes idle connections to a backend that is down or ejected.
    void close_idle_to(balancer::BackendPtr backend);
    // Ends the tunnels to a backend that is down or ejected. Called only if the backend's pool closes them in that
    // case.
    void cut_tunnels_to(balancer::BackendPtr backend);
    // Ends every connection to a backend whose time limit has passed.
    void cut(balancer::BackendPtr backend);
    // Ends every connection that came through a removed traffic path.
    void cut(TrafficPath path);

    // Stops accepting, ends each connection as soon as no data is lost, and calls `drained` when the last connection
    // has ended. Clients in the accept queues are still served, except for the sockets in `kept_by_another`, from which
    // another process continues to accept.
    void drain(std::set<int> kept_by_another, std::function<void()> drained);
    // Calls `counted` on the worker's thread with the number of open connections and requests.
    void count_open(std::function<void(const OpenWork&)> counted);
    // Runs `work` on the worker's thread.
    void run(std::function<void()> work) { context_.loop.post(std::move(work)); }

    // Ends every connection at once, and then ends the thread. `join` waits until the thread has ended.
    void stop();
    void join();

private:
    class Acceptor;

    void update_listeners(const std::vector<WorkerSocket>& sockets, const std::set<int>& kept_by_another = {});
    void accept_from(Acceptor& acceptor, int most);
    void start_session(UniqueFd connection, const std::shared_ptr<WorkerListener>& listener, const conf::Address& peer);
    void pause_accepting();
    void on_client_left() override;
    void on_errors(const balancer::BackendPtr& backend) override { listener_.on_consecutive_errors(backend); }
    void end_all();

    WorkerContext context_;
    const std::size_t max_connections_;
    ErrorListener& listener_;
    std::unordered_map<int, std::unique_ptr<Acceptor>> acceptors_; // keyed by descriptor
    bool paused_ = false;
    std::function<void()> drained_;
    std::thread thread_;
};

} // namespace weir::proxy
