#include "health/probes/http2_exchange.h"
#include "tests/catch.h"
#include "tests/unit/health/probes/http2_server.h"

using namespace weir;
using namespace weir::health;
using namespace weir::tests::http2;
using namespace std::string_literals;

namespace {

const std::string greeting = frame(settings, 0, 0);
const std::string ok = field(":status", "200");

Http2Request get() { return {.method = "GET", .authority = "a", .path = "/", .headers = {}}; }

// Runs an exchange to the end of the response; returns "" or the error.
std::string outcome(Server& server, Http2Exchange& exchange) {
    const auto whole = [&]() -> boost::asio::awaitable<Result<void>> {
        const auto head = co_await exchange.read_head();
        if (!head) co_return head;
        co_return co_await exchange.read_until([] { return false; });
    };
    const auto result = server.run(whole());
    if (!result) return "waits";
    return *result ? "" : result->error().message();
}

std::string outcome_of(const std::string& answer, Server::After after = Server::After::closes) {
    Server server(answer, after);
    Http2Exchange exchange(server.client, get());
    return outcome(server, exchange);
}

} // namespace

TEST_CASE("a request without a body ends with its head") {
    Server server(greeting + end(ok));
    Http2Exchange exchange(server.client, get());
    CHECK(outcome(server, exchange).empty());
    const auto sent = server.sent();
    const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    REQUIRE(sent.starts_with(preface));
    const auto own_settings = 9U + static_cast<unsigned char>(sent[preface.size() + 2]);
    const auto request = sent.substr(preface.size() + own_settings);
    CHECK(request[3] == headers);
    CHECK(request[4] == (end_headers | end_stream));
    CHECK_THAT(sent, Catch::EndsWith(frame(settings, ack, 0))); // the server's settings are acknowledged
}

TEST_CASE("a response has a head, a body of several frames, and trailers") {
    const auto early = head(field(":status", "103") + field("link", "</a>"));
    Server server(greeting + early + head(ok + field("x-a", "1")) + frame(data, 0, 1, "one ") +
                  frame(ping, 0, 0, "12345678") + frame(data, 0, 1, "two") + end(field("x-t", "2")));
    Http2Exchange exchange(server.client, get());
    CHECK(outcome(server, exchange).empty());
    CHECK(exchange.status() == 200);
    CHECK(exchange.body() == "one two");
    CHECK(exchange.header("x-a") == "1");
    CHECK_FALSE(exchange.header("link"));
    CHECK_FALSE(exchange.header("x-t"));
    CHECK(exchange.trailer("x-t") == "2");
    CHECK_THAT(server.sent(), Catch::Contains(frame(ping, ack, 0, "12345678")));
}

TEST_CASE("a server that stops still answers what it has accepted") {
    CHECK(outcome_of(greeting + frame(goaway, 0, 0, number(1) + number(0)) + end(ok)).empty());
    CHECK(outcome_of(greeting + end(ok) + frame(goaway, 0, 0, number(1) + number(11))).empty());
    CHECK(outcome_of(greeting + end(ok) + frame(rst_stream, 0, 1, number(0))).empty());
}

TEST_CASE("a response that does not come is described") {
    struct Row {
        std::string answer, error;
    };
    const Row rows[] = {
        {greeting + frame(goaway, 0, 0, number(0) + number(11)), "GOAWAY: ENHANCE_YOUR_CALM"},
        {greeting + frame(goaway, 0, 0, number(1) + number(11) + "too_many\n"),
         "GOAWAY: ENHANCE_YOUR_CALM (too_many?)"},
        {greeting + frame(goaway, 0, 0, number(0) + number(0)), "GOAWAY: NO_ERROR"},
        {greeting + frame(rst_stream, 0, 1, number(7)), "RST_STREAM: REFUSED_STREAM"},
        {greeting + frame(rst_stream, 0, 1, number(99)), "RST_STREAM: code 99"},
        {greeting + head(ok) + frame(rst_stream, 0, 1, number(2)), "RST_STREAM: INTERNAL_ERROR"},
        {"HTTP/1.1 400 Bad Request\r\n\r\n", "the backend answers with HTTP/1.1, not with HTTP/2"},
        {"", "the connection was closed: does the backend speak HTTP/2?"},
        {"\0\0\0"s, "the connection was closed: does the backend speak HTTP/2?"},
        {"SSH-2.0-OpenSSH_9.2p1\r\n", "the backend does not speak HTTP/2: it does not begin with SETTINGS"},
        {end(ok), "the backend does not speak HTTP/2: it does not begin with SETTINGS"},
        {greeting, "End of file"},
        {greeting + head(ok) + frame(data, 0, 1, "half"), "End of file"},
        {greeting + frame(data, end_stream, 1, "x"), "malformed: PROTOCOL_ERROR"},
        {greeting + frame(data, end_stream, 7, "x"), "malformed: PROTOCOL_ERROR"},
        {greeting + end(field("x-a", "1")), "malformed: "},
        {greeting + end(field(":status", "2x0")), "malformed: "},
        {greeting + end(ok + field("x a", "1")), "malformed: a header name or value has an illegal byte"},
        {greeting + end(ok + field("content-length", "3")), "malformed: "},
        {greeting + head("\xff\xff\xff\xff\xff"), "malformed: COMPRESSION_ERROR"},
        {greeting + frame(ping, 0, 0, "short"), "malformed: FRAME_SIZE_ERROR"},
    };
    for (const auto& row : rows) {
        INFO(row.error);
        CHECK_THAT(outcome_of(row.answer), Catch::StartsWith(row.error));
    }
}

TEST_CASE("what a server sends without end is bounded") {
    std::string interim, pings;
    for (int i = 0; i < 11; ++i) interim += head(field(":status", "103"));
    CHECK(outcome_of(greeting + interim + end(ok)) == "more than 10 interim responses");

    // A field of 4,000 bytes in the dynamic table, and references of one byte each to it.
    const auto indexed = "\x40\x01x\x7f\xa1\x1e"s + std::string(4000, 'v');
    CHECK(outcome_of(greeting + head(ok + indexed + std::string(1000, '\xbe'))) == "the head is larger than 64KiB");

    for (int i = 0; i < 70'000; ++i) pings += frame(ping, ack, 0, "12345678");
    CHECK(outcome_of(greeting + pings) == "the response is larger than 1MiB");
}

TEST_CASE("only the beginning of a body is kept") {
    std::string body;
    for (int i = 0; i < 3; ++i) body += frame(data, 0, 1, std::string(16'384, 'x'));
    Server server(greeting + head(ok) + body + body + frame(data, end_stream, 1));
    Http2Exchange exchange(server.client, get());
    CHECK(outcome(server, exchange).empty());
    CHECK(exchange.body().size() == Http2Exchange::max_body);
}

TEST_CASE("a server that never sends its settings is waited for") {
    CHECK(outcome_of("", Server::After::stays) == "waits");
    CHECK(outcome_of("\0\0"s, Server::After::stays) == "waits");
}
