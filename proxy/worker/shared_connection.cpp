#include "proxy/worker/shared_connection.h"

#include "proxy/worker/shared_connections.h"

#include <algorithm>
#include <utility>

namespace weir::proxy {

SharedConnection::SharedConnection(SharedConnections& owner, BackendConnectionPtr transport, EventLoop& loop,
                                   const http2::Pools& pools, const SharedConnectionSettings& settings)
    : owner_(owner), transport_(std::move(transport)), loop_(loop), settings_(settings), timer_(loop.timers(), fiber_),
      http2_({transport_->stream, fiber_, loop, pools}, *this) {
    transport_->stream.set_waker(fiber_);
}

SharedConnection::~SharedConnection() = default;

Task<> SharedConnection::run() {
    timer_.set(settings_.ready_until);
    if (http2_.start(settings_.http2)) {
        while (proceed()) co_await fiber_.wait();
    }
    end();
    // A client may still read what has arrived of its response.
    while (http2_.has_streams()) co_await fiber_.wait();
}

// Does what can be done now. Returns false once the connection is over.
bool SharedConnection::proceed() {
    if (transport_->is_cut()) return false;
    if (!http2_.run_turn()) return false;
    if (http2_.has_failed()) return false; // requests do not wait until the backend reads the GOAWAY
    // A backend may allow streams only later.
    if (phase_ == Phase::connecting && http2_.room() > 0) {
        phase_ = Phase::open;
        idle_until_ = loop_.now() + settings_.idle_timeout;
        owner_.on_ready(*this); // which opens streams
    }
    if (phase_ == Phase::connecting) return loop_.now() < settings_.ready_until;
    return proceed_open();
}

bool SharedConnection::proceed_open() {
    if (http2_.is_closing()) phase_ = Phase::ending;
    const bool is_busy = http2_.has_streams();
    if ((is_busy || http2_.is_in_doubt()) && !http2_.keep_alive()) return false;
    if (is_busy) timer_.set(http2_.keep_alive_at());
    if (is_busy) return true;
    if (phase_ == Phase::open && loop_.now() < idle_until_) {
        set_idle_timer();
        return true;
    }
    http2_.shut_down(); // says that this is the end
    http2_.run_turn();
    return false;
}

// The connection is over: its streams are, too.
void SharedConnection::end() {
    const bool was_connecting = std::exchange(phase_, Phase::ending) == Phase::connecting;
    timer_.cancel();
    owner_.on_over(*this, was_connecting && !transport_->is_cut() ? failure() : nullptr);
    using Kind = StreamFailure::Kind;
    const bool is_silent = http2_.is_in_doubt() && !transport_->is_cut();
    http2_.fail_streams(is_silent ? StreamFailure{Kind::lost, "no answer to PING"} : StreamFailure{});
    transport_->stream.close();
}

const char* SharedConnection::failure() const {
    if (http2_.is_ready()) return "the backend allows no streams";
    return "no SETTINGS came from the backend: does it speak HTTP/2?";
}

bool SharedConnection::is_for(const tls::ClientContext* tls, const std::string& host) const {
    return transport_->tls.get() == tls && (!tls || transport_->tls_host == host);
}

BackendConnectionPtr SharedConnection::open_stream() {
    auto connection = transport_->link().make_stream();
    connection->tls = transport_->tls;
    connection->tls_host = transport_->tls_host;
    connection->stream.open(http2_.open_stream(), *connection);
    owner_.counters().streams.add();
    owner_.counters().active_streams.add();
    timer_.set(http2_.keep_alive_at());
    return connection;
}

bool SharedConnection::is_idle() const {
    const bool is_awaited = is_connecting() && owner_.has_waiting();
    return !is_awaited && !http2_.has_streams();
}

void SharedConnection::end_when_idle() {
    if (is_connecting() && owner_.has_waiting()) return;
    phase_ = Phase::ending;
    if (!http2_.has_streams()) fiber_.wake();
}

// The coroutine may end with its last stream, which frees this.
void SharedConnection::on_stream_ended() {
    owner_.counters().active_streams.subtract();
    if (http2_.has_streams()) return;
    if (phase_ == Phase::ending || http2_.is_closing()) return fiber_.wake();
    idle_until_ = loop_.now() + settings_.idle_timeout;
    set_idle_timer();
}

void SharedConnection::set_idle_timer() {
    timer_.set(http2_.is_in_doubt() ? std::min(idle_until_, http2_.keep_alive_at()) : idle_until_);
}

void SharedConnection::on_reset_received(std::uint32_t code) { owner_.counters().resets_received.add(code); }
void SharedConnection::on_reset_sent(std::uint32_t code) { owner_.counters().resets_sent.add(code); }
void SharedConnection::on_goaway_received(std::uint32_t code) { owner_.counters().goaways_received.add(code); }

} // namespace weir::proxy
