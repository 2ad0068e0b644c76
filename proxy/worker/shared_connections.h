// One worker's HTTP/2 connections to one backend.
//
// A request takes a stream of a connection that has room. If none has, one request opens another connection, and all
// others that come meanwhile wait for it: so a burst of requests opens few connections.
//
//   request ─ there is room ─→ stream
//   request ─ a connection is being made ─→ waits ─ it is ready, or has failed ─→ looks again, or fails with it
//   request ─ neither ─→ makes one (SharedConnections::Attempt)
//
// Thread: one worker's thread.
// Lifetime: its link owns it, and outlives the connections, each of which holds the link.
#pragma once

#include "balancer/backend.h"
#include "proxy/http2/pools.h"
#include "proxy/io/waiter.h"
#include "proxy/log/failure_reason.h"
#include "proxy/worker/idle_connections.h"

#include <memory>
#include <string>
#include <vector>

namespace weir::tls {
class ClientContext;
}

namespace weir::proxy {

class EventLoop;
class SharedConnection;
struct SharedConnectionSettings;

enum class SelectedProtocol { http1, http2 }; // by ALPN, or because there is no choice

class SharedConnections {
public:
    // A request that makes a connection. If it ends without one, the next request that waits makes it.
    class Attempt {
    public:
        explicit Attempt(SharedConnections& connections) : connections_(connections) { ++connections_.attempts_; }
        ~Attempt() { connections_.end_attempt(failure_); }
        Attempt(const Attempt&) = delete;
        Attempt& operator=(const Attempt&) = delete;

        // The backend has failed: those that wait fail, too.
        void fail(const Failure& failure) { failure_ = failure; }

    private:
        SharedConnections& connections_;
        Failure failure_;
    };

    // A request that waits for a connection that another one makes.
    class Wait {
    public:
        // `fiber` is woken when the request should look again, or has failed.
        Wait(SharedConnections& connections, Waiter& fiber);
        ~Wait();
        Wait(const Wait&) = delete;
        Wait& operator=(const Wait&) = delete;

        bool is_over() const { return over_; }
        const Failure& failure() const { return failure_; }

    private:
        friend class SharedConnections;

        SharedConnections& connections_;
        Waiter& fiber_;
        Failure failure_;
        bool over_ = false;
    };

    SharedConnections(balancer::Backend& backend, std::size_t worker) : backend_(backend), worker_(worker) {}
    SharedConnections(const SharedConnections&) = delete;
    SharedConnections& operator=(const SharedConnections&) = delete;

    // Returns a connection for one request, made with these settings (null: plain). Null if none has room. Ends
    // connections that were made with other settings.
    BackendConnectionPtr open_stream(const tls::ClientContext* tls, const std::string& host);
    // Returns true if a connection is being made, for which to wait.
    bool is_connecting() const;
    // Returns why a request that has waited for too long has none.
    Failure why_late() const;
    bool has_waiting() const { return !waiting_.empty(); }
    // Begins HTTP/2 on a connection that has just been made. Until it is ready, it counts as being made. Returns a
    // failure if it has ended at once.
    Failure adopt(BackendConnectionPtr transport, EventLoop& loop, const http2::Pools& pools,
                  const SharedConnectionSettings& settings);

    // With protocol auto: whether the backend has last selected HTTP/1.1, so that requests need not wait for others.
    bool has_selected_http1() const { return has_selected_http1_; }
    void note_selected(SelectedProtocol protocol) { has_selected_http1_ = protocol == SelectedProtocol::http1; }

    // Ends the connections that carry no requests; returns how many. The others go on.
    std::size_t close_idle();
    // Ends all connections as soon as they carry no requests, also those to come.
    void retire();

    balancer::BackendHttp2Counters& counters() { return backend_.http2(worker_); }

private:
    friend class SharedConnection;

    void end_when_idle(const std::vector<SharedConnection*>& doomed);
    void on_ready(SharedConnection& connection);
    // `reason` is why the connection was never of use; null if it was, or if it says nothing about the backend.
    void on_over(SharedConnection& connection, const char* reason);
    void end_attempt(const Failure& failure);
    void wake_waiting(const Failure& failure);

    balancer::Backend& backend_;
    const std::size_t worker_;
    std::vector<SharedConnection*> connections_; // those that may take requests now or later
    std::vector<Wait*> waiting_;                 // in the order in which they came
    std::vector<Wait*> woken_;                   // being woken; null: has been, or is gone
    int attempts_ = 0;
    bool retired_ = false, has_selected_http1_ = false;
};

} // namespace weir::proxy
