#include "proxy/transfer/tunnel.h"

#include <algorithm>

#include <netinet/tcp.h>
#include <sys/socket.h>

namespace weir::proxy::tcp {

using http::BodyKind;
using http::Encoding;
using http::Following;
using http::ForwardStatus;

namespace {

// Tunnels may be silent for hours. TCP keep-alive detects a vanished peer after two minutes, and keeps firewalls and
// NAT devices on the path from dropping the connection.
void keep_alive(const Stream& stream) {
    constexpr int on = 1, idle_seconds = 60, interval_seconds = 15, probes = 4;
    ::setsockopt(stream.descriptor(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    ::setsockopt(stream.descriptor(), IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof idle_seconds);
    ::setsockopt(stream.descriptor(), IPPROTO_TCP, TCP_KEEPINTVL, &interval_seconds, sizeof interval_seconds);
    ::setsockopt(stream.descriptor(), IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

constexpr Failure client_gone{FailureReason::client_closed, "the client aborted the connection"};
constexpr Failure backend_gone{FailureReason::backend_closed, "the backend aborted the connection"};
constexpr Failure removed{FailureReason::backend_removed, "connections to the backend are closed"};
constexpr Failure ended{FailureReason::drained, "the time to finish expired while the connection was open"};
constexpr Failure silent{FailureReason::tunnel_idle, "neither side sent anything within the tunnel timeout"};
constexpr Failure half_closed_silent{FailureReason::tunnel_idle,
                                     "one side has closed, and the other sent nothing more within the tunnel timeout"};

} // namespace

Tunnel::Tunnel(Client& client, BackendConnection& backend)
    : client_(client), backend_(backend), up_({client.stream, backend.stream, client.in, client.context.buffers.bodies},
                                              {BodyKind::until_close}, Encoding::identity, Following::nothing),
      down_({backend.stream, client.stream, backend.in, client.context.buffers.bodies}, {BodyKind::until_close},
            Encoding::identity, Following::nothing) {}

void Tunnel::pass(http::BodyForwarder& pump, Stream& from, Stream& to, Direction& state) {
    if (state != Direction::open) return;
    auto status = pump.run();
    // A peer that has sent everything may stop reading: what it sent is still good.
    if (status == ForwardStatus::source_failed && from.fin_received()) status = ForwardStatus::done;
    if (status == ForwardStatus::sink_failed && to.fin_received()) {
        state = Direction::closed;
        return;
    }
    if (status == ForwardStatus::yielded) {
        yielded_ = true;
        client_.fiber.yield(client_.context.loop);
    }
    if (status == ForwardStatus::blocked || status == ForwardStatus::yielded) return;
    if (status == ForwardStatus::done) to.finish_sending();
    else if ((status == ForwardStatus::sink_failed) == (&to == &client_.stream)) failure_ = client_gone;
    else failure_ = backend_gone;
    state = status == ForwardStatus::done ? Direction::closed : Direction::broken;
}

// A tunnel that moves bytes, or becomes half-closed, gets a new deadline.
void Tunnel::set_deadline(const conf::Timeouts& timeouts) {
    const auto has_ended = [](const Stream& stream) { return stream.hung_up() || stream.fin_received(); };
    const bool half_closed = has_ended(client_.stream) || has_ended(backend_.stream);
    const auto moved = up_.moved() + down_.moved();
    if (moved == moved_ && half_closed == half_closed_) return;
    moved_ = moved;
    half_closed_ = half_closed;
    client_.expire_in(half_closed ? std::min(timeouts.tunnel, timeouts.stream_idle) : timeouts.tunnel);
}

Task<> Tunnel::run(const conf::Timeouts& timeouts, ClientEnd client_end) {
    keep_alive(client_.stream);
    keep_alive(backend_.stream);
    client_.expire_in(timeouts.tunnel);
    for (;;) {
        yielded_ = false;
        pass(up_, client_.stream, backend_.stream, up_state_);
        pass(down_, backend_.stream, client_.stream, down_state_);
        // A stalled side must not hide that the other one was reset. What a backend sent before can still be forwarded,
        // as far as the client takes it at once.
        if (client_.stream.broken()) failure_ = client_gone;
        if (client_.stream.broken()) break;
        if (backend_.stream.broken() && backend_.stream.fin_received()) up_state_ = Direction::closed;
        else if (backend_.stream.broken() && !yielded_) {
            failure_ = backend_gone;
            break;
        }
        if (up_state_ == Direction::broken || down_state_ == Direction::broken) break;
        const bool all_sent = client_.stream.unsent_bytes() == 0 && backend_.stream.unsent_bytes() == 0;
        if (up_state_ == Direction::closed && down_state_ == Direction::closed && all_sent) co_return;
        if (up_state_ == Direction::closed && client_end == ClientEnd::closes) co_return close_both();
        set_deadline(timeouts);
        co_await client_.fiber.wait();
        if (backend_.is_cut()) {
            failure_ = removed;
            co_return close_both();
        }
        if (client_.aborted || client_.timer.expired()) {
            failure_ = client_.aborted ? ended : half_closed_ ? half_closed_silent : silent;
            break;
        }
    }
    reset_both();
}

void Tunnel::close_both() {
    client_.stream.close();
    backend_.stream.close();
}

void Tunnel::reset_both() {
    client_.stream.close(HowToClose::reset);
    backend_.stream.close(HowToClose::reset);
}

} // namespace weir::proxy::tcp
