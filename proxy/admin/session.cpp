#include "proxy/admin/session.h"

#include "base/use_nothrow_awaitable.h"
#include "proxy/http1/chars.h"

#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <spdlog/spdlog.h>

#include <array>

namespace weir::proxy::admin {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;

namespace {

constexpr std::chrono::seconds unknown_time{10}; // for each of head, body and response, before a request is accepted
constexpr std::chrono::seconds known_time{30};   // after that, and between requests
constexpr std::chrono::minutes answer_time{30};  // a reload may wait for the lock
constexpr std::chrono::seconds linger_time{1};   // for a client to read a refusal while it still sends
constexpr std::size_t linger_bytes = 256 * 1024;
constexpr std::size_t small_body = 64 * 1024; // in bytes; larger bodies share a limit

} // namespace

Session::Session(Api& api, net::AsyncStream& stream, Host& host)
    : api_(api), stream_(stream), host_(host), deadline_(stream, unknown_time) {}

asio::awaitable<bool> Session::start_tls(const tls::ServerContext& context) {
    deadline_.extend(unknown_time);
    const auto done = co_await stream_.start_tls(context.new_session());
    if (done) co_return true;
    spdlog::debug("admin API: the TLS handshake failed: {}", done.error().message());
    if (!stream_.got_plain_http()) co_return false;
    co_await refuse_and_close(refuse(Request(), 400, "the admin API is served over TLS: use https://"));
    co_return false;
}

asio::awaitable<SessionEnd> Session::run(boost::beast::flat_buffer& read) {
    for (;;) {
        Parser parser;
        parser.body_limit(boost::none); // set below, because it depends on the request
        if (const auto [error, _] =
                co_await beast_http::async_read_header(stream_, read, parser, use_nothrow_awaitable);
            error)
            break;
        const auto verdict = api_.check(parser.get());
        if (verdict.status != 200) {
            auto response = refuse(parser.get(), verdict.status, verdict.reason);
            co_await refuse_and_close(std::move(response));
            break;
        }
        const auto body = co_await read_body(parser, read);
        if (body == BodyResult::failed) break;
        if (body == BodyResult::too_large || body == BodyResult::busy) {
            const bool large = body == BodyResult::too_large;
            auto response = refuse(parser.get(), large ? 413 : 503,
                                   large ? "the body is too large for this request"
                                         : "too many large requests are being read: try again later");
            co_await refuse_and_close(std::move(response));
            break;
        }
        auto response = co_await answer(parser.get(), verdict.access);
        const bool keeps = response.keep_alive();
        if (!co_await write(response) || !keeps) break;
        const bool is_idle_sender = response.result_int() == 200 && Api::is_heartbeat(parser.get()) &&
                                    read.size() == 0 && !stream_.has_pending();
        if (is_idle_sender) co_return SessionEnd::sends_heartbeats;
    }
    co_return SessionEnd::closed;
}

asio::awaitable<Session::BodyResult> Session::read_body(Parser& parser, boost::beast::flat_buffer& read) {
    const auto limit = Api::max_body(parser.get());
    const auto length = parser.content_length();
    if (length && *length > limit) co_return BodyResult::too_large;
    parser.body_limit(limit);
    if (parser.is_done()) co_return BodyResult::complete;
    const bool is_large = (length ? *length : limit) > small_body;
    if (is_large && !host_.begin_large_body()) co_return BodyResult::busy;
    deadline_.extend(known_ ? known_time : unknown_time);
    boost::system::error_code error;
    if (proxy::http::same_name(parser.get()[beast_http::field::expect], "100-continue")) {
        constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        std::tie(error, std::ignore) = co_await asio::async_write(stream_, asio::buffer(go_on), use_nothrow_awaitable);
    }
    if (!error)
        std::tie(error, std::ignore) = co_await beast_http::async_read(stream_, read, parser, use_nothrow_awaitable);
    if (is_large) host_.end_large_body();
    if (error == beast_http::error::body_limit) co_return BodyResult::too_large;
    co_return error ? BodyResult::failed : BodyResult::complete;
}

asio::awaitable<Response> Session::answer(const Request& request, Access access) {
    host_.set_busy(true);
    deadline_.extend(answer_time);
    auto response = co_await api_.answer(request);
    host_.set_busy(false);
    const bool is_heartbeat = Api::is_heartbeat(request);
    const bool accepted = is_heartbeat ? response.result_int() == 200 : access != Access::none;
    if (accepted && !known_) host_.request_accepted();
    known_ = known_ || accepted;
    const bool is_foreign_heartbeat = is_heartbeat && response.result_int() != 200 && response.result_int() != 409;
    if (is_foreign_heartbeat || api_.is_leaving()) response.keep_alive(false);
    co_return response;
}

asio::awaitable<bool> Session::write(Response& response) {
    response.set(beast_http::field::date, format_date(clock_of(stream_.get_executor()).wall_now()));
    deadline_.extend(known_ ? known_time : unknown_time);
    const auto [error, _] = co_await beast_http::async_write(stream_, response, use_nothrow_awaitable);
    deadline_.extend(known_ ? known_time : unknown_time);
    co_return !error;
}

// If the connection were closed at once, a reset could overtake the response of a client that is still sending.
asio::awaitable<void> Session::refuse_and_close(Response response) {
    response.keep_alive(false);
    if (!co_await write(response)) co_return;
    boost::system::error_code error;
    stream_.finish_sending();
    deadline_.extend(linger_time);
    std::array<char, 4096> bytes;
    for (std::size_t read = 0; !error && read < linger_bytes;) {
        std::size_t count = 0;
        std::tie(error, count) = co_await stream_.async_read_some(asio::buffer(bytes), use_nothrow_awaitable);
        read += count;
    }
}

} // namespace weir::proxy::admin
