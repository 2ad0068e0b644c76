#include "proxy/cli/admin_client.h"

#include "base/use_nothrow_awaitable.h"
#include "conf/model/units.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <exception>
#include <optional>
#include <tuple>

namespace weir::proxy::cli {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

constexpr std::size_t max_response = 64u << 20;

using Message = http::request<http::string_body>;
using Time = std::chrono::steady_clock::time_point;

Message make_message(const Endpoint& endpoint, const AdminRequest& request) {
    const auto verb = request.method == AdminMethod::get ? http::verb::get : http::verb::post;
    Message message(verb, request.target, 11);
    message.set(http::field::host, endpoint.host_field());
    message.keep_alive(false);
    if (!request.token.empty()) message.set(http::field::authorization, "Bearer " + request.token);
    message.body() = request.body;
    message.prepare_payload();
    return message;
}

asio::awaitable<Result<AdminResponse>> exchange(net::AsyncStream& stream, const Endpoint::Sockets& endpoints,
                                                const AdminTls& tls, Message& message) {
    if (const auto connected = co_await connect(stream, endpoints, tls); !connected) co_return connected.error();
    boost::system::error_code error;
    // Even if the write fails, read the response: a server may refuse a request before it has read all of it.
    co_await http::async_write(stream, message, use_nothrow_awaitable);
    boost::beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(max_response);
    std::tie(error, std::ignore) = co_await http::async_read(stream, buffer, parser, use_nothrow_awaitable);
    if (error) co_return error;
    co_return AdminResponse{static_cast<int>(parser.get().result_int()), std::move(parser.get().body())};
}

// The response or the error, once the exchange has ended.
using Outcome = std::optional<Result<AdminResponse>>;

// Runs until the exchange has ended or the deadline has passed. Fails if the check finds that the process no longer
// responds.
Result<void> run(asio::io_context& context, const AdminRequest& request, Time end, const Outcome& outcome) {
    if (!request.check_process) {
        context.run_until(end);
        return {};
    }
    while (!outcome && std::chrono::steady_clock::now() < end) {
        context.run_until(std::min(end, std::chrono::steady_clock::now() + request.check_interval));
        if (outcome || std::chrono::steady_clock::now() >= end) break;
        auto alive = request.check_process();
        context.poll(); // the response may have arrived during the check
        if (!outcome && !alive) return alive;
    }
    return {};
}

} // namespace

asio::awaitable<Result<void>> connect(net::AsyncStream& stream, const Endpoint::Sockets& endpoints,
                                      const AdminTls& tls) {
    boost::system::error_code error;
    for (const auto& endpoint : endpoints) {
        boost::system::error_code ignored;
        stream.close(ignored);
        std::tie(error) = co_await stream.socket().async_connect(endpoint, use_nothrow_awaitable);
        if (!error || error == asio::error::operation_aborted) break; // the latter: the time is over
    }
    if (error) co_return error;
    if (!tls.context) co_return Result<void>();
    const auto secured = co_await stream.start_tls(tls.context->new_session(tls.host, "http/1.1"));
    if (secured) co_return Result<void>();
    const bool is_untrusted = !secured.error().code();
    co_return Error("the TLS handshake failed: " + secured.error().message() +
                    (is_untrusted ? " (--ca FILE names the authorities to trust)"
                                  : " (does weir serve TLS there? admin.tls takes effect after a restart)"));
}

bool is_nothing_there(const Error& error) {
    return error.code() == asio::error::connection_refused ||
           error.code() == boost::system::errc::no_such_file_or_directory;
}

Result<AdminResponse> call_admin(const Endpoint& endpoint, const AdminRequest& request) {
    const auto end = std::chrono::steady_clock::now() + request.timeout;
    const auto none = "cannot reach weir at " + endpoint.text() + ": ";
    const auto endpoints = endpoint.resolve(request.timeout);
    if (!endpoints) return Error(none + endpoints.error().message());
    asio::io_context context;
    net::AsyncStream stream(context.get_executor());
    auto message = make_message(endpoint, request);
    Outcome outcome;
    asio::co_spawn(context, exchange(stream, *endpoints, request.tls, message),
                   [&outcome](std::exception_ptr failure, Result<AdminResponse> response) {
                       if (failure) std::rethrow_exception(failure);
                       outcome = std::move(response);
                   });
    if (const auto alive = run(context, request, end, outcome); !alive) return alive.error();
    if (!outcome)
        return Error(none + "no response within " +
                     conf::format(std::chrono::duration_cast<conf::Duration>(request.timeout)) +
                     "; it may be stopped or overloaded (--timeout sets the limit)");
    if (!*outcome) return Error(outcome->error().code(), none + outcome->error().message());
    return *std::move(outcome);
}

} // namespace weir::proxy::cli
