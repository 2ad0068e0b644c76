#include "health/probes/http_probe.h"

#include "base/lower_case.h"
#include "base/result.h"
#include "base/use_nothrow_awaitable.h"
#include "health/probes/http2_exchange.h"

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
constexpr std::string_view user_agent = "weir-health";

std::string host_of(const conf::HealthCheck& check, const conf::Endpoint& address) {
    return check.host.empty() ? address.authority() : check.host;
}

http::request<http::empty_body> make_request(const conf::HealthCheck& check, const conf::Endpoint& address) {
    http::request<http::empty_body> request;
    request.version(11);
    request.method_string(check.method);
    request.target(check.path);
    request.set(http::field::host, host_of(check, address));
    request.set(http::field::user_agent, user_agent);
    for (const auto& [name, value] : check.headers) request.set(name, value);
    request.set(http::field::connection, "close");
    return request;
}

Http2Request make_http2_request(const conf::HealthCheck& check, const conf::Endpoint& address) {
    Http2Request request{
        .method = check.method, .authority = host_of(check, address), .path = check.path, .headers = {}};
    bool names_agent = false;
    for (const auto& [name, value] : check.headers) {
        const auto& field = request.headers.emplace_back(lower_case(name), value);
        if (field.first == "user-agent") names_agent = true;
    }
    if (!names_agent) request.headers.emplace_back("user-agent", user_agent);
    return request;
}

// Looks for a text in a body that arrives piece by piece.
class BodySearch {
public:
    explicit BodySearch(const std::string& text) : text_(text) {}

    // Returns whether the body, which only grows, contains the text by now.
    bool finds_in(const std::string& body) {
        // Only the new bytes are searched, and the bytes before them in which the text may begin.
        const auto from = searched_ - std::min(searched_, text_.size() - 1);
        searched_ = body.size();
        return body.find(text_, from) != std::string::npos;
    }

private:
    const std::string& text_;
    std::size_t searched_ = 0;
};

enum class Searched { whole, beginning };

// The text is not shown, because it may contain the values of variables.
Error not_found(Searched part) {
    return Error(part == Searched::whole ? "the body does not contain expect_body"
                                         : "the first 64KiB of the body do not contain expect_body");
}

Error failed_within_body(const std::string& reason) {
    return Error("the connection failed within the body: " + reason);
}

// One response of HTTP/1.1 while it is being received.
class Http1Response {
public:
    Http1Response(net::AsyncStream& stream, std::string_view method) : stream_(stream), has_body_(method != "HEAD") {}

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
        BodySearch search(text);
        while (!parser_->is_done() && body.size() < HttpProbe::max_body) {
            auto& into = parser_->get().body();
            into.data = piece.data();
            into.size = std::min(piece.size(), HttpProbe::max_body - body.size());
            const auto room = into.size;
            const auto [error, _] = co_await http::async_read_some(stream_, buffer_, *parser_, use_nothrow_awaitable);
            body.append(piece.data(), room - into.size);
            if (search.finds_in(body)) co_return Result<void>();
            if (error && error != http::error::need_buffer) co_return failed_within_body(error.message());
        }
        co_return not_found(parser_->is_done() ? Searched::whole : Searched::beginning);
    }

private:
    net::AsyncStream& stream_;
    const bool has_body_;
    boost::beast::flat_buffer buffer_{16 * 1024};
    std::optional<http::response_parser<http::buffer_body>> parser_;
};

// The same for HTTP/2.
class Http2Response {
public:
    Http2Response(net::AsyncStream& stream, Http2Request request) : exchange_(stream, std::move(request)) {}

    asio::awaitable<Result<void>> read_head() {
        auto read = co_await exchange_.read_head();
        if (!read) co_return Error("no answer: " + read.error().message());
        co_return read;
    }

    unsigned status() const { return exchange_.status(); }

    asio::awaitable<Result<void>> search_body(const std::string& text) {
        BodySearch search(text);
        bool found = false;
        const auto read = co_await exchange_.read_until([&] {
            found = found || search.finds_in(exchange_.body());
            return found || exchange_.body().size() >= HttpProbe::max_body;
        });
        if (!read) co_return failed_within_body(read.error().message());
        if (found || search.finds_in(exchange_.body())) co_return Result<void>();
        const bool is_whole = exchange_.has_ended() && exchange_.body().size() < HttpProbe::max_body;
        co_return not_found(is_whole ? Searched::whole : Searched::beginning);
    }

    asio::awaitable<void> finish() { return exchange_.finish(); }

private:
    Http2Exchange exchange_;
};

} // namespace

bool HttpProbe::expects(unsigned status) const {
    return std::any_of(check_.expect_status.begin(), check_.expect_status.end(),
                       [&](const auto& range) { return range.first <= status && status <= range.last; });
}

asio::awaitable<ProbeResult> HttpProbe::talk(net::AsyncStream& stream, const conf::Endpoint& address) {
    const bool is_negotiated = protocol_ == conf::BackendProtocol::automatic && stream.alpn() == "h2";
    if (is_negotiated || protocol_ == conf::BackendProtocol::http2) co_return co_await talk_http2(stream, address);
    const auto request = make_request(check_, address);
    const auto [unsent, _] = co_await http::async_write(stream, request, use_nothrow_awaitable);
    if (unsent) co_return ProbeResult{ProbeOutcome::failed, "cannot send: " + unsent.message()};
    Http1Response response(stream, check_.method);
    co_return co_await judge(response);
}

asio::awaitable<ProbeResult> HttpProbe::talk_http2(net::AsyncStream& stream, const conf::Endpoint& address) {
    Http2Response response(stream, make_http2_request(check_, address));
    auto result = co_await judge(response);
    co_await response.finish();
    co_return result;
}

template <class Response> asio::awaitable<ProbeResult> HttpProbe::judge(Response& response) {
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
