// Forwards bytes both ways between a client and a backend until both have ended. Each direction closes independently
// (half-close). A broken connection on one side resets the other, and the tunnel ends if both are silent for too long.
//
// Thread: one worker's thread.
// Lifetime: the Client and the backend's connection must outlive it.
#pragma once

#include "proxy/io/task.h"
#include "proxy/transfer/body_forwarder.h"
#include "proxy/worker/backend_link.h"
#include "proxy/worker/client.h"

namespace weir::proxy::tcp {

// What it means if a client ends its side of the connection.
enum class ClientEnd {
    half_closes, // it may go on reading
    closes,      // it has left: the tunnel ends as soon as the backend has received what the client sent
};

class Tunnel {
public:
    Tunnel(Client& client, BackendConnection& backend);

    // Sends a head to the backend before the client's bytes.
    void send_first(Buffer& head) { up_.send_first(head); }

    // Runs the tunnel until both sockets are finished or closed. Both sides may be silent for `timeouts.tunnel`. Once
    // one side has ended, the limit is `timeouts.stream_idle` if that is shorter, so that the peer of a dead client is
    // not kept for hours.
    Task<> run(const conf::Timeouts& timeouts, ClientEnd client_end);

    const Failure& failure() const { return failure_; } // after `run`: the reason if it ended before both sides did
    std::uint64_t sent_to_client() const { return down_.sent(); }
    std::uint64_t sent_to_backend() const { return up_.sent(); }

private:
    enum class Direction { open, closed, broken };

    void pass(http::BodyForwarder& pump, Stream& from, Stream& to, Direction& state);
    void set_deadline(const conf::Timeouts& timeouts);
    void close_both();
    void reset_both();

    Client& client_;
    BackendConnection& backend_;
    http::BodyForwarder up_, down_;
    bool yielded_ = false;     // in the last round: there may be more to forward
    bool half_closed_ = false; // one side has ended
    std::uint64_t moved_ = 0;
    Failure failure_;
    Direction up_state_ = Direction::open, down_state_ = Direction::open;
};

} // namespace weir::proxy::tcp
