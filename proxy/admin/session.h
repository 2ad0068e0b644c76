// One connection of the admin API: reads requests and writes responses until the connection ends.
//
// A request is checked before its body is read, and its body is limited to the size that the API allows for it. Until a
// request is accepted, each step has a short timeout.
//
// Thread: the control thread.
// Lifetime: the API, the stream and the host must outlive it.
#pragma once

#include "base/deadline.h"
#include "net/async_stream.h"
#include "proxy/admin/api.h"

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>

namespace weir::proxy::admin {

// How a session ends. `sends_heartbeats` leaves the connection open for heartbeats.
enum class SessionEnd { closed, sends_heartbeats };

class Session {
public:
    // The server's interface to its sessions.
    class Host {
    public:
        virtual ~Host() = default;
        virtual void request_accepted() = 0;        // the connection is known from now on
        virtual void set_busy(bool busy) = 0;       // a request is being answered
        virtual bool begin_large_body() = 0;        // false: too many are being read
        virtual void end_large_body() noexcept = 0; // after each successful begin_large_body
    };

    Session(Api& api, net::AsyncStream& stream, Host& host);

    // Serves the connection until the session ends. `read` holds the bytes already read from it.
    boost::asio::awaitable<SessionEnd> run(boost::beast::flat_buffer& read);
    // Completes the TLS handshake of a new connection, before `run`. Returns false if it fails.
    boost::asio::awaitable<bool> start_tls(const tls::ServerContext& context);

private:
    using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
    enum class BodyResult { complete, too_large, busy, failed };

    boost::asio::awaitable<BodyResult> read_body(Parser& parser, boost::beast::flat_buffer& read);
    boost::asio::awaitable<Response> answer(const Request& request, Access access);
    boost::asio::awaitable<bool> write(Response& response);
    boost::asio::awaitable<void> refuse_and_close(Response response);

    Api& api_;
    net::AsyncStream& stream_;
    Host& host_;
    Deadline<net::AsyncStream> deadline_;
    bool known_ = false;
};

} // namespace weir::proxy::admin
