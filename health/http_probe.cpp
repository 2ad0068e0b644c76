#include "health/http_probe.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>

namespace weir::health {

namespace asio = boost::asio;
namespace http = boost::beast::http;

asio::awaitable<ProbeResult> HttpProbe::talk(Socket& socket, const conf::Address& address) {
    constexpr auto token = asio::as_tuple(asio::use_awaitable);
    http::request<http::empty_body> request(http::verb::get, path_, 11);
    request.set(http::field::host, address.text());
    request.set(http::field::user_agent, "weir-health");
    request.set(http::field::connection, "close");
    const auto [sent, _] = co_await http::async_write(socket, request, token);
    if (sent) co_return ProbeResult{ProbeOutcome::failed, "cannot send: " + sent.message()};
    boost::beast::flat_buffer buffer(16 * 1024);
    http::response_parser<http::empty_body> parser;
    const auto [got, __] = co_await http::async_read_header(socket, buffer, parser, token);
    if (got) co_return ProbeResult{ProbeOutcome::failed, "no answer: " + got.message()};
    const auto status = parser.get().result_int();
    const bool passes = std::any_of(expected_.begin(), expected_.end(),
                                    [&](const auto& r) { return r.first <= status && status <= r.last; });
    if (!passes) co_return ProbeResult{ProbeOutcome::failed, "status " + std::to_string(status)};
    co_return ProbeResult{ProbeOutcome::passed, ""};
}

} // namespace weir::health
