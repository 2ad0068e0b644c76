// The connection that a probe talks over: TCP or a unix socket, and TLS over it if the pool's backends speak TLS. It is
// an AsyncStream of Asio and Beast.
//
// Thread: the control thread; one operation in each direction at a time.
// Lifetime: must outlive its operations.
#pragma once

#include "health/probes/probe_tls.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weir::health {

class ProbeStream {
public:
    using Socket = boost::asio::generic::stream_protocol::socket; // TCP or unix
    using executor_type = Socket::executor_type;

    explicit ProbeStream(const executor_type& executor) : socket_(executor) {}

    executor_type get_executor() { return socket_.get_executor(); }
    Socket& socket() { return socket_; }
    void close(boost::system::error_code& error) { socket_.close(error); }

    // Switches to TLS and completes the handshake. Returns the reason if it fails; otherwise an empty text.
    boost::asio::awaitable<std::string> start_tls(const ProbeTls& tls, std::string_view alpn);

    template <class Buffers, class Token> auto async_read_some(const Buffers& buffers, Token&& token) {
        return tls_ ? tls_->async_read_some(buffers, std::forward<Token>(token))
                    : socket_.async_read_some(buffers, std::forward<Token>(token));
    }
    template <class Buffers, class Token> auto async_write_some(const Buffers& buffers, Token&& token) {
        return tls_ ? tls_->async_write_some(buffers, std::forward<Token>(token))
                    : socket_.async_write_some(buffers, std::forward<Token>(token));
    }

private:
    Socket socket_;
    std::optional<boost::asio::ssl::stream<Socket&>> tls_;
};

} // namespace weir::health
