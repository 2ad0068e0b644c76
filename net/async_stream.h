// A connection over TCP or a unix socket, and over TLS on it after `start_tls`. It meets the AsyncStream requirements
// of Asio and Beast.
//
// Thread: the executor's; one operation in each direction at a time.
// Lifetime: must outlive its operations.
#pragma once

#include "base/result.h"
#include "net/detached_stream.h"
#include "net/tls_step.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/post.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weir::net {

class AsyncStream {
public:
    using Socket = boost::asio::generic::stream_protocol::socket; // TCP or unix
    using executor_type = Socket::executor_type;

    explicit AsyncStream(const executor_type& executor) : socket_(executor) {}
    explicit AsyncStream(Socket socket) : socket_(std::move(socket)) {}
    // Attaches a connection to an executor. If this fails, is_open() returns false.
    AsyncStream(const executor_type& executor, DetachedStream connection);

    executor_type get_executor() { return socket_.get_executor(); }
    Socket& socket() { return socket_; }
    bool is_open() const { return socket_.is_open(); }
    // Closes the socket without close_notify. Operations end with an error.
    void close(boost::system::error_code& error);

    // Starts TLS with a session whose handshake has not begun, and completes the handshake. On failure, the error's
    // message says what failed. A null session (out of memory) is an error.
    boost::asio::awaitable<Result<void>> start_tls(tls::SslPtr session);
    // Returns true if the TLS handshake failed because the client sent a plain HTTP request.
    bool got_plain_http() const { return got_plain_http_; }
    bool is_secure() const { return tls_ != nullptr; }
    // Returns the protocol that ALPN has selected; empty: none, or the connection is plain.
    std::string_view alpn() const;
    // Returns true if there are decrypted bytes that have not been read, so that the socket need not become readable.
    bool has_pending() const { return tls_ && SSL_pending(tls_.get()) > 0; }
    // Tells the peer that nothing more will be sent. With TLS, it sends close_notify, as far as the kernel takes it.
    void finish_sending();
    // Takes the connection off its executor. No operation may be under way.
    DetachedStream detach();

    template <class Buffers, class Token> auto async_read_some(const Buffers& buffers, Token&& token) {
        if (!tls_) return socket_.async_read_some(buffers, std::forward<Token>(token));
        const auto into = first_of<boost::asio::mutable_buffer>(buffers);
        return run(token, [this, into] { return tls_ ? try_read(tls_.get(), into) : closed(); });
    }
    template <class Buffers, class Token> auto async_write_some(const Buffers& buffers, Token&& token) {
        if (!tls_) return socket_.async_write_some(buffers, std::forward<Token>(token));
        const auto bytes = join(buffers);
        return run(token, [this, bytes] { return tls_ ? try_write(tls_.get(), bytes) : closed(); });
    }

private:
    // Repeats a step until it is complete. Like every operation of Asio, it never completes within the function that
    // starts it.
    template <class Step> struct Operation {
        AsyncStream& stream;
        Step step;
        bool has_begun = false;
        std::optional<TlsStep> result = {};

        template <class Self> void operator()(Self& self, boost::system::error_code error = {}) {
            if (result) return self.complete(result->error, result->bytes);
            if (error) return self.complete(error, 0);
            const auto taken = step();
            const bool is_first = !std::exchange(has_begun, true);
            if (taken.next == TlsStep::Next::complete && !is_first) return self.complete(taken.error, taken.bytes);
            if (taken.next == TlsStep::Next::complete) {
                result = taken;
                return boost::asio::post(stream.get_executor(), std::move(self));
            }
            stream.socket_.async_wait(wait_type(taken), std::move(self));
        }
    };

    template <class Token, class Step> auto run(Token& token, Step step) {
        return boost::asio::async_compose<Token, void(boost::system::error_code, std::size_t)>(
            Operation<Step>{*this, std::move(step)}, token, socket_);
    }
    // The step of an operation whose stream was closed just now.
    static TlsStep closed() { return {.error = boost::asio::error::operation_aborted}; }
    static Socket::wait_type wait_type(const TlsStep& step) {
        return step.next == TlsStep::Next::wait_for_write ? Socket::wait_write : Socket::wait_read;
    }
    // Returns the first buffer that is not empty.
    template <class Buffer, class Buffers> static Buffer first_of(const Buffers& buffers) {
        const auto end = boost::asio::buffer_sequence_end(buffers);
        for (auto it = boost::asio::buffer_sequence_begin(buffers); it != end; ++it)
            if (const Buffer buffer(*it); buffer.size() > 0) return buffer;
        return Buffer();
    }
    // Returns the beginning of the buffers in one piece, so that a head and a body leave in one record.
    template <class Buffers> boost::asio::const_buffer join(const Buffers& buffers) {
        const auto first = first_of<boost::asio::const_buffer>(buffers);
        const auto total = boost::asio::buffer_size(buffers);
        if (first.size() == total || first.size() >= max_record) return first;
        joined_.resize(std::min(total, max_record));
        boost::asio::buffer_copy(boost::asio::buffer(joined_), buffers);
        return boost::asio::buffer(joined_);
    }

    static constexpr std::size_t max_record = 16 * 1024; // in bytes (RFC 8446 section 5.1)

    Socket socket_;
    tls::SslPtr tls_;
    std::string joined_; // being written
    bool got_plain_http_ = false;
};

} // namespace weir::net
