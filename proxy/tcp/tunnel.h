// Passes bytes both ways between a client and a backend until both have said all: each direction closes for itself
// (half-close), a broken connection on one side resets the other, and a silence on both for too long ends it.
//
// Thread: one worker's thread.
// Lifetime: the client's side and the backend's connection must outlive it.
#pragma once

#include "proxy/backend_link.h"
#include "proxy/client_side.h"
#include "proxy/http/body_pump.h"
#include "proxy/io/task.h"

namespace weir::proxy::tcp {

class Tunnel {
public:
    Tunnel(ClientSide& client, BackendConnection& backend);

    // A head for the backend, before what the client says.
    void send_first(Buffer& head) { up_.send_first(head); }

    // Ends with both sockets finished or closed.
    Task<> run(conf::Duration idle_timeout);

    std::uint64_t sent_to_client() const { return down_.sent(); }
    std::uint64_t sent_to_backend() const { return up_.sent(); }

private:
    enum class Direction { open, closed, broken };

    void pass(http::BodyPump& pump, Socket& from, Socket& to, Direction& state);
    void reset_both();

    ClientSide& client_;
    BackendConnection& backend_;
    http::BodyPump up_, down_;
    bool yielded_ = false; // in the last round: there may be more to pass on
    Direction up_state_ = Direction::open, down_state_ = Direction::open;
};

} // namespace weir::proxy::tcp
