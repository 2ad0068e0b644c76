// A byte stream to a peer: plain TCP, TLS over it, or one of several streams on a connection. Callers need not know
// which. It has the interface of Socket; comments below say what changes with TLS.
//
// A stream on a socket begins in plain text, so that a PROXY header can be read, and switches to TLS with start_tls().
//
// Thread: one event loop's thread.
// Lifetime: the loop and the waker must outlive it; it must not move while it is open.
#pragma once

#include "proxy/io/multiplexed_stream.h"
#include "proxy/io/socket.h"
#include "proxy/io/tls_connection.h"

#include <memory>
#include <utility>

namespace weir::proxy {

class Stream final : private Waker {
public:
    Stream() = default;
    ~Stream() { close(); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    bool open(EventLoop& loop, UniqueFd connection, Waker& waker) {
        return socket_.open(loop, std::move(connection), waker);
    }
    int connect(EventLoop& loop, const conf::Endpoint& address, Waker& waker) {
        return socket_.connect(loop, address, waker);
    }
    int connect_error() const { return socket_.connect_error(); }
    // Opens the stream on one of a connection's streams, which it closes in the end.
    void open(MultiplexedStream& stream, Waker& waker) {
        shared_ = &stream;
        stream.set_waker(waker);
    }
    conf::Address local() const { return shared_ ? shared_->local() : socket_.local(); }
    // Returns true if the connection below carries other streams as well.
    bool is_multiplexed() const { return shared_ != nullptr; }
    // With TLS: also sends close_notify, if the kernel takes it at once. Bytes that are still unsent are lost.
    void close(HowToClose how = HowToClose::gracefully);

    // Returns why a multiplexed stream is broken().
    StreamFailure failure() const { return shared_ ? shared_->failure() : StreamFailure{}; }

    // Switches to TLS. `waker` is the user's, as in set_waker(); for the other arguments, see TlsConnection.
    void start_tls(tls::SslPtr session, BufferPool& pool, std::string_view first, Waker& waker);
    // Switches back to plain text, after a handshake that failed because the peer does not speak TLS.
    void abandon_tls();
    // The TLS connection; null if the stream is plain.
    TlsConnection* tls() const { return shared_ ? shared_->tls() : tls_.get(); }

    // See EventLoop::has_pending_event.
    bool has_pending_event(const EventLoop& loop) const { return loop.has_pending_event(socket_); }

    bool is_open() const { return shared_ || socket_.is_open(); }
    int descriptor() const { return socket_.descriptor(); } // -1 if the stream is closed, or multiplexed
    void set_waker(Waker& waker) {
        if (shared_) shared_->set_waker(waker);
        else if (tls_) user_ = &waker;
        else socket_.set_waker(waker);
    }
    void wake_user() {
        if (shared_) shared_->wake_user();
        else if (tls_) user_->wake();
        else socket_.wake_user();
    }

    bool readable() const { return tls_ ? tls_->readable() : shared_ ? shared_->readable() : socket_.readable(); }
    bool writable() const { return tls_ ? tls_->writable() : shared_ ? shared_->writable() : socket_.writable(); }
    // With TLS: about the TCP connection. A peer that has sent close_notify may still read. Multiplexed: the peer has
    // reset the stream; one that has sent everything may still read.
    bool hung_up() const { return shared_ ? shared_->broken() : socket_.hung_up(); }
    bool broken() const { return shared_ ? shared_->broken() : socket_.broken(); }
    // With TLS: the peer has sent close_notify. A FIN alone is not an orderly end.
    bool fin_received() const {
        return tls_ ? tls_->close_notified() : shared_ ? shared_->fin_received() : socket_.fin_received();
    }
    bool at_end() const {
        if (shared_) return shared_->at_end();
        return tls_ ? has_ended() && !tls_->has_data() : socket_.at_end();
    }
    // With TLS: records without data, such as session tickets, do not count. Not for multiplexed streams.
    bool is_idle() {
        const bool quiet = socket_.is_idle(); // also notes whether there is something to read
        return tls_ ? !tls_->has_data() && !has_ended() : quiet;
    }

    IoResult receive(std::span<char> into) {
        return tls_ ? tls_->receive(into) : shared_ ? shared_->receive(into) : socket_.receive(into);
    }
    IoResult send(std::span<const iovec> parts) {
        return tls_ ? tls_->send(parts) : shared_ ? shared_->send(parts) : socket_.send(parts);
    }
    // Returns the number of bytes that send() has taken but the kernel has not. They are sent as the peer reads.
    std::size_t unsent_bytes() const { return tls_ ? tls_->unsent_bytes() : shared_ ? shared_->unsent_bytes() : 0; }
    // With TLS: counts encrypted bytes, including unsent_bytes(). Multiplexed: only unsent_bytes().
    std::size_t unacked_bytes() const { return (shared_ ? 0 : socket_.unacked_bytes()) + unsent_bytes(); }
    // With TLS: sends close_notify, then closes this side of the connection.
    void finish_sending();
    // For multiplexed streams; see MultiplexedStream. On others, a message has its own trailer section.
    std::string_view trailers() const { return shared_ ? shared_->trailers() : std::string_view(); }
    void set_trailers(std::string_view lines) {
        if (shared_) shared_->set_trailers(lines);
    }
    void count_bytes(balancer::Counter& received, balancer::Counter& sent) { socket_.count_bytes(received, sent); }
    void raise_unsent_low_water_mark() {
        if (!shared_) socket_.raise_unsent_low_water_mark();
    }

private:
    bool has_ended() const { return socket_.hung_up() || tls_->close_notified(); }
    void wake() override; // with TLS: an event of the socket

    Socket socket_;
    std::unique_ptr<TlsConnection> tls_;
    MultiplexedStream* shared_ = nullptr; // null: the stream has its own socket
    Waker* user_ = nullptr;               // with TLS
    bool finishes_ = false;               // close this side once everything is sent
};

} // namespace weir::proxy
