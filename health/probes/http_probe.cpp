#include "health/probes/http_probe.h"

#include "base/result.h"
#include "base/use_nothrow_awaitable.h"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>
#include <array>
#include <optional>

namespace weir::health {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

constexpr int max_interim = 10;

http::request<http::empty_body> make_request(const conf::HealthCheck& check, const conf::Endpoint& address) {
    http::request<http::empty_body> request;
    request.version(11);
    request.method_string(check.method);
    request.target(check.path);
    request.set(http::field::host, check.host.empty() ? address.authority() : check.host);
    request.set(http::field::user_agent, "weir-health");
    for (const auto& [name, value] : check.headers) request.set(name, value);
    request.set(http::field::connection, "close");
    return request;
}

} // namespace

// One response while it is being received.
class HttpProbe::Response {
public:
    Response(net::AsyncStream& stream, std::string_view method) : stream_(stream), has_body_(method != "HEAD") {}

    // Reads the head of the final response, skipping interim ones.
    asio::awaitable<Result<void>> read_head() {
        for (int interim = 0; interim <= max_interim; ++interim) {
            parser_.emplace();
            parser_->body_limit(boost::none);
            parser_->skip(!has_body_);
            const auto [error, _] = co_await http::async_read_header(stream_, buffer_, *parser_, use_nothrow_awaitable);
            if (error) co_return Error("no answer: " + error.message());
            if (status() >= 200 || status() == 101) co_return Result<void>();
        }
        co_return Error("more than " + std::to_string(max_interim) + " interim responses");
    }

    unsigned status() const { return parser_->get().result_int(); }

    // Reads the body until `text` is found. Fails if it is not in the first `max_body` bytes.
    asio::awaitable<Result<void>> search_body(const std::string& text) {
        std::array<char, 4096> piece;
        std::string body;
        while (!parser_->is_done() && body.size() < max_body) {
            auto& into = parser_->get().body();
            into.data = piece.data();
            into.size = std::min(piece.size(), max_body - body.size());
            const auto room = into.size;
            const auto [error, _] = co_await http::async_read_some(stream_, buffer_, *parser_, use_nothrow_awaitable);
            // Only the new bytes are searched, and the bytes before them in which the text may begin.
            const auto from = body.size() - std::min(body.size(), text.size() - 1);
            body.append(piece.data(), room - into.size);
            if (body.find(text, from) != std::string::npos) co_return Result<void>();
            if (error && error != http::error::need_buffer)
                co_return Error("the connection failed within the body: " + error.message());
        }
        const bool whole = parser_->is_done();
        // The text is not shown, because it may contain the values of variables.
        co_return Error(whole ? "the body does not contain expect_body"
                              : "the first 64KiB of the body do not contain expect_body");
    }

private:
    net::AsyncStream& stream_;
    const bool has_body_;
    boost::beast::flat_buffer buffer_{16 * 1024};
    std::optional<http::response_parser<http::buffer_body>> parser_;
};

bool HttpProbe::expects(unsigned status) const {
    return std::any_of(check_.expect_status.begin(), check_.expect_status.end(),
                       [&](const auto& range) { return range.first <= status && status <= range.last; });
}

asio::awaitable<ProbeResult> HttpProbe::talk(net::AsyncStream& stream, const conf::Endpoint& address) {
    const auto request = make_request(check_, address);
    const auto [unsent, _] = co_await http::async_write(stream, request, use_nothrow_awaitable);
    if (unsent) co_return ProbeResult{ProbeOutcome::failed, "cannot send: " + unsent.message()};
    Response response(stream, check_.method);
    const auto head = co_await response.read_head();
    if (!head) co_return ProbeResult{ProbeOutcome::failed, head.error().message()};
    auto text = "status " + std::to_string(response.status());
    if (!expects(response.status())) co_return ProbeResult{ProbeOutcome::failed, std::move(text)};
    Result<void> body;
    if (!check_.expect_body.empty()) body = co_await response.search_body(check_.expect_body);
    if (!body) co_return ProbeResult{ProbeOutcome::failed, text + ", but " + body.error().message()};
    co_return ProbeResult{ProbeOutcome::passed, std::move(text)};
}

} // namespace weir::health
