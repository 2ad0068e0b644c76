// An HTTP/2 connection to a backend, which carries requests of many clients at once.
//
//   connecting ─ the backend's SETTINGS ─→ open ─ idle for too long, GOAWAY, or told to end ─→ ending ─→ over
//
//   connecting   requests wait until it is known how many streams the backend allows
//   ending       takes no new requests; those that it carries go on
//
// While requests wait for a backend that says nothing, it is asked whether it is alive (http2/ping_rule.h).
//
// Thread: one worker's thread.
// Lifetime: owns itself through its coroutine (spawn), and ends only after all its streams.
#pragma once

#include "proxy/http2/client_connection.h"
#include "proxy/io/task.h"
#include "proxy/io/timer_wheel.h"
#include "proxy/worker/backend_link.h"

#include <chrono>

namespace weir::proxy {

class SharedConnections;

struct SharedConnectionSettings {
    TimePoint ready_until; // when the backend's SETTINGS must have come
    std::chrono::milliseconds idle_timeout;
    http2::ClientSettings http2;
};

class SharedConnection final : private http2::ClientListener {
public:
    // `transport` is connected.
    SharedConnection(SharedConnections& owner, BackendConnectionPtr transport, EventLoop& loop,
                     const http2::Pools& pools, const SharedConnectionSettings& settings);
    ~SharedConnection();
    SharedConnection(const SharedConnection&) = delete;
    SharedConnection& operator=(const SharedConnection&) = delete;

    Task<> run();

    // Returns true if the connection was made with these settings.
    bool is_for(const tls::ClientContext* tls, const std::string& host) const;
    // Returns the number of requests that it can take now.
    std::size_t room() const { return phase_ == Phase::open ? http2_.room() : 0; }
    // Returns a connection for one request, whose stream is one of this connection's. There must be room.
    BackendConnectionPtr open_stream();
    bool is_connecting() const { return phase_ == Phase::connecting; }
    // Returns why a connection that has not become ready is of no use. The text is static.
    const char* failure() const;
    bool is_idle() const;
    // Ends the connection when it carries no requests any more, which may be now. May free it.
    void end_when_idle();

private:
    enum class Phase { connecting, open, ending };

    bool proceed();
    bool proceed_open();
    void set_idle_timer();
    void end();
    void on_reset_received(std::uint32_t code) override;
    void on_reset_sent(std::uint32_t code) override;
    void on_goaway_received(std::uint32_t code) override;
    void on_stream_ended() override;

    SharedConnections& owner_;
    const BackendConnectionPtr transport_;
    EventLoop& loop_;
    const SharedConnectionSettings settings_;
    Waiter fiber_;
    WheelTimer timer_;
    http2::ClientConnection http2_;
    TimePoint idle_until_{};
    Phase phase_ = Phase::connecting;
};

} // namespace weir::proxy
