#include "proxy/tcp/tunnel.h"

namespace weir::proxy::tcp {

using http::BodyKind;
using http::Encoding;
using http::Following;
using http::PumpStatus;

Tunnel::Tunnel(ClientSide& client, BackendConnection& backend)
    : client_(client), backend_(backend), up_({client.socket, backend.socket, client.in, client.context.bodies},
                                              {BodyKind::until_close}, Encoding::identity, Following::nothing),
      down_({backend.socket, client.socket, backend.in, client.context.bodies}, {BodyKind::until_close},
            Encoding::identity, Following::nothing) {}

void Tunnel::pass(http::BodyPump& pump, Socket& from, Socket& to, Direction& state) {
    if (state != Direction::open) return;
    auto status = pump.run();
    // Whoever has said all may stop listening: what it said is as good as before.
    if (status == PumpStatus::source_failed && from.said_all()) status = PumpStatus::done;
    if (status == PumpStatus::sink_failed && to.said_all()) {
        state = Direction::closed;
        return;
    }
    if (status == PumpStatus::yielded) {
        yielded_ = true;
        client_.fiber.yield(client_.context.loop);
    }
    if (status == PumpStatus::blocked || status == PumpStatus::yielded) return;
    if (status == PumpStatus::done) to.finish_sending();
    state = status == PumpStatus::done ? Direction::closed : Direction::broken;
}

Task<> Tunnel::run(conf::Duration idle_timeout) {
    std::uint64_t moved = 0;
    client_.expire_in(idle_timeout);
    for (;;) {
        yielded_ = false;
        pass(up_, client_.socket, backend_.socket, up_state_);
        pass(down_, backend_.socket, client_.socket, down_state_);
        // A side that stalls must not hide that the other has been reset. What a backend said before can still be
        // passed on as far as the client takes it at once.
        if (client_.socket.broken()) break;
        if (backend_.socket.broken() && backend_.socket.said_all()) up_state_ = Direction::closed;
        else if (backend_.socket.broken() && !yielded_) break;
        if (up_state_ == Direction::broken || down_state_ == Direction::broken) break;
        if (up_state_ == Direction::closed && down_state_ == Direction::closed) co_return;
        if (const auto now = up_.moved() + down_.moved(); now != moved) {
            moved = now;
            client_.expire_in(idle_timeout);
        }
        co_await client_.fiber.wait();
        if (backend_.is_cut()) {
            client_.socket.close();
            backend_.socket.close();
            co_return;
        }
        if (client_.aborted || client_.timer.expired()) break;
    }
    reset_both();
}

void Tunnel::reset_both() {
    client_.socket.close(HowToClose::reset);
    backend_.socket.close(HowToClose::reset);
}

} // namespace weir::proxy::tcp
