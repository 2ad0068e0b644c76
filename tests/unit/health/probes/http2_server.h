// A server of HTTP/2 for probes that sends any bytes, legal or not, over a pair of connected sockets.
//
// Thread: that of the test.
// Lifetime: that of the test.
#pragma once

#include "health/probes/probe.h"
#include "tests/catch.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

namespace weir::tests::http2 {

enum Type : unsigned char { data = 0, headers = 1, rst_stream = 3, settings = 4, ping = 6, goaway = 7 };
enum Flag : unsigned char { end_stream = 1, ack = 1, end_headers = 4 };

inline std::string number(std::uint32_t value) {
    std::string out;
    for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(value >> shift & 0xff);
    return out;
}

inline std::string frame(Type type, int flags, std::uint32_t stream, const std::string& payload = "") {
    return number(static_cast<std::uint32_t>(payload.size())).substr(1) + static_cast<char>(type) +
           static_cast<char>(flags) + number(stream) + payload;
}

// Returns a field as a literal (RFC 7541 section 6.2.2), with at most 126 bytes each.
inline std::string field(const std::string& name, const std::string& value) {
    return '\0' + (static_cast<char>(name.size()) + name) + static_cast<char>(value.size()) + value;
}

inline std::string head(const std::string& fields, int flags = end_headers) { return frame(headers, flags, 1, fields); }
inline std::string end(const std::string& fields) { return head(fields, end_headers | end_stream); }

// A server that sends `answer` as soon as it has the first bytes of a client; then it closes, unless it `stays`.
class Server {
public:
    enum class After { closes, stays };

    explicit Server(std::string answer, After after = After::closes) : answer_(std::move(answer)) {
        std::array<int, 2> pair{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()) == 0);
        client.socket().assign(boost::asio::generic::stream_protocol(AF_UNIX, 0), pair[0]);
        socket_.assign(boost::asio::local::stream_protocol(), pair[1]);
        socket_.non_blocking(true);
        socket_.async_wait(Socket::wait_read, [this, after](const auto&) {
            boost::asio::async_write(socket_, boost::asio::buffer(answer_), [this, after](const auto&, std::size_t) {
                boost::system::error_code ignored;
                if (after == After::closes) socket_.shutdown(Socket::shutdown_send, ignored);
            });
        });
    }

    // Runs a coroutine that returns a result; unset if it waits for the server without end.
    template <class T> std::optional<T> run(boost::asio::awaitable<T> coroutine) {
        std::optional<T> result;
        boost::asio::co_spawn(context, std::move(coroutine), [&](std::exception_ptr failure, T value) {
            if (failure) std::rethrow_exception(failure);
            result = std::move(value);
        });
        context.restart();
        while (!result && context.poll() > 0) {}
        return result;
    }

    // Returns what the client has sent.
    std::string sent() {
        std::string out;
        std::array<char, 4096> piece;
        boost::system::error_code error;
        while (const auto size = socket_.read_some(boost::asio::buffer(piece), error)) out.append(piece.data(), size);
        return out;
    }

    boost::asio::io_context context{1};
    net::AsyncStream client{context.get_executor()};

private:
    using Socket = boost::asio::local::stream_protocol::socket;
    const std::string answer_;
    Socket socket_{context};
};

} // namespace weir::tests::http2
