#include "proxy/http1/framing.h"
#include "proxy/http1/head.h"
#include "tests/catch.h"

#include <string>

using namespace weir::proxy::http;

namespace {

const HeadLimits limits;

// Returns 0 if the request is accepted, -1 if it is incomplete, and otherwise the status of the refusal. Like an
// exchange, it also checks the framing.
int verdict(const std::string& bytes, const HeadLimits& own = limits) {
    RequestHead head;
    const auto result = parse_request(bytes, own, head);
    if (result.status == HeadStatus::incomplete) return -1;
    if (result.status == HeadStatus::refused) return result.code;
    return request_framing(head).error ? 400 : 0;
}

std::string with(const std::string& field) { return "POST / HTTP/1.1\r\nHost: a\r\n" + field + "\r\n\r\n"; }

struct Row {
    std::string bytes;
    int code;
};

void check(const std::vector<Row>& rows) {
    for (const auto& row : rows) {
        INFO(row.bytes.substr(0, 120));
        CHECK(verdict(row.bytes) == row.code);
    }
}

} // namespace

TEST_CASE("request lines") {
    const auto line = [](const std::string& text) { return text + "\r\nHost: a\r\n\r\n"; };
    check({
        {line("GET / HTTP/1.1"), 0},
        {line("GET /a?b=c%20d HTTP/1.1"), 0},
        {line("get / HTTP/1.1"), 0}, // an extension method
        {"GET / HTTP/1.0\r\n\r\n", 0},
        {"\r\n" + line("GET / HTTP/1.1"), 0},
        {"\r\n\r\n" + line("GET / HTTP/1.1"), 400},
        {line("OPTIONS * HTTP/1.1"), 0},
        {line("GET * HTTP/1.1"), 400},
        {line("GET  / HTTP/1.1"), 400},
        {line("GET /  HTTP/1.1"), 400},
        {line(" GET / HTTP/1.1"), 400},
        {line("GET\t/ HTTP/1.1"), 400},
        {line("GET / HTTP/1.1 "), 400},
        {line("GET /"), 400},
        {line("GET"), 400},
        {line("G@T / HTTP/1.1"), 400},
        {line("GET /a#b HTTP/1.1"), 400},
        {line("GET /\x80 HTTP/1.1"), 400},
        {line("GET /\x01 HTTP/1.1"), 400},
        {line("GET a HTTP/1.1"), 400},
        {line("GET / HTTP/1.2"), 505},
        {line("GET / HTTP/0.9"), 505},
        {line("GET / HTTP/9.9"), 505},
        {line("GET / HTTP/2.0"), 505},
        {line("GET / HTTP/1.10"), 400},
        {line("GET / http/1.1"), 400},
        {line("GET / HTTP/1,1"), 400},
        {line("GET / XTTP/1.1"), 400},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 405},
        {line("CONNECT a:80 HTTP/1.1"), 405},
        {line("TRACE / HTTP/1.1"), 405},
        {"GET / HTTP/1.1\nHost: a\n\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n", -1},
        {"GET / HT", -1},
        {"", -1},
    });
}

TEST_CASE("header lines") {
    check({
        {with("A: b"), 0},          {with("A:b"), 0},           {with("A:"), 0},
        {with("A: \t b \t"), 0},    {with("A: \xc3\xa9"), 0},   {with("A : b"), 400},
        {with(": b"), 400},         {with(" A: b"), 400},       {with("A: b\r\n c"), 400},
        {with("A: b\r\n\tc"), 400}, {with("A"), 400},           {with("A b: c"), 400},
        {with("A(: c"), 400},       {with("\xc3\xa9: c"), 400}, {with(std::string("A: b\0c", 6)), 400},
        {with("A: b\rc"), 400},     {with("A: b\nC: d"), 400},  {with("A: b\x01"), 400},
        {with("A: b\x7f"), 400},    {with("A: b\x0b"), 400},
    });
}

TEST_CASE("Host and authority") {
    check({
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a/x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\nHost: a.b-c_d:8080\r\n\r\n", 0},
        {"GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        {"GET HTTP://A/x HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        {"GET http://a/x HTTP/1.1\r\nHost: b\r\n\r\n", 400},
        {"GET http://a:80/x HTTP/1.1\r\nHost: a\r\n\r\n", 0}, // a default port, a final dot: the same server
        {"GET http://a/x HTTP/1.1\r\nHost: a:80\r\n\r\n", 0},
        {"GET http://a:/x HTTP/1.1\r\nHost: A.\r\n\r\n", 0},
        {"GET http://a:080/x HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        {"GET http://[::1]:80/x HTTP/1.1\r\nHost: [::1]\r\n\r\n", 0},
        {"GET HTTPS://a:443/x HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        {"GET http://a:443/x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET https://a:80/x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET http://a:8080/x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET http://a../x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET http://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET ftp://a/x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET http HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    });
}

TEST_CASE("request framing: what two parsers could read in two ways is refused") {
    check({
        {with("Content-Length: 5"), 0},
        {with("Content-Length: 0"), 0},
        {with("Transfer-Encoding: chunked"), 0},
        {with("Transfer-Encoding: Chunked"), 0},
        {with("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400},
        {with("Transfer-Encoding: chunked\r\nContent-Length: 5"), 400},
        {with("Transfer-Encoding: xchunked"), 400},
        {with("Transfer-Encoding: chunked,"), 400},
        {with("Transfer-Encoding: ,chunked"), 400},
        {with("Transfer-Encoding: chunked, gzip"), 400},
        {with("Transfer-Encoding: gzip, chunked"), 400},
        {with("Transfer-Encoding: \x0b"
              "chunked"),
         400},
        {with("Transfer-Encoding:"), 400},
        {with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400},
        {with("Transfer-Encoding: chunked;x=1"), 400},
        {with("Transfer-Encoding: identity"), 400},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {with("Content-Length:"), 400},
        {with("Content-Length: +5"), 400},
        {with("Content-Length: -0"), 400},
        {with("Content-Length: 0x5"), 400},
        {with("Content-Length: 5_0"), 400},
        {with("Content-Length: 5 5"), 400},
        {with("Content-Length: 18446744073709551616"), 400},
        {with("Content-Length: 5\r\nContent-Length: 6"), 400},
        {with("Content-Length: 5\r\nContent-Length: 5"), 400},
        {with("Content-Length: 5, 6"), 400},
    });
}

TEST_CASE("limits: 414 for the line, 431 for the head") {
    CHECK(verdict("GET /" + std::string(20000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n") == 414);
    CHECK(verdict("GET /" + std::string(17000, 'a')) == 414);
    CHECK(verdict(with("A: " + std::string(17000, 'b'))) == 431);
    std::string many;
    for (int i = 0; i < 99; ++i) many += "A: b\r\n";
    CHECK(verdict("GET / HTTP/1.1\r\nHost: a\r\n" + many + "\r\n") == 0);
    CHECK(verdict("GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n" + many + "\r\n") == 431);
}

TEST_CASE("a legal request cut anywhere is incomplete, never refused") {
    const std::string whole =
        "\r\nPOST http://a.b:80/x?y HTTP/1.1\r\nHost: a.b:80\r\nX: \xc3\xa9 y\r\nContent-Length: 3\r\n\r\n";
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        INFO(cut);
        CHECK(verdict(whole.substr(0, cut)) == -1);
    }
    CHECK(verdict(whole) == 0);
}

TEST_CASE("an absolute target gives authority and path") {
    RequestHead head;
    const std::string bytes = "GET http://a.b:80?q HTTP/1.1\r\nHost: A.b:80\r\n\r\nrest";
    REQUIRE(parse_request(bytes, limits, head).status == HeadStatus::complete);
    CHECK(head.authority == "a.b:80");
    CHECK(head.path == "?q");
    CHECK(host_of(head.authority) == "a.b");
    CHECK(head.length == bytes.size() - 4);
}

TEST_CASE("responses") {
    struct Case {
        std::string bytes;
        AnswerTo to;
        const char* expected; // one of: none, length N, chunked, close, bad, more
    };
    const auto other = AnswerTo::other;
    const Case cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", other, "length 5"},
        {"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n", other, "length 5"},
        {"HTTP/1.1 200 \r\n\r\n", other, "close"},
        {"HTTP/1.0 200 OK\r\n\r\n", other, "close"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", other, "chunked"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", AnswerTo::head, "none"},
        {"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", other, "none"},
        {"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", other, "none"},
        {"HTTP/1.1 100 Continue\r\n\r\n", other, "none"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", other, "bad"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", other, "bad"},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", other, "bad"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", other, "bad"},
        {"HTTP/1.1 20 OK\r\n\r\n", other, "bad"},
        {"HTTP/1.1 2000 OK\r\n\r\n", other, "bad"},
        {"HTTP/1.1 600 OK\r\n\r\n", other, "bad"},
        {"HTTP/2 200 OK\r\n\r\n", other, "bad"},
        {"HTTP/1.1 200 OK\nContent-Length: 5\n\n", other, "bad"},
        {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", other, "bad"},
        {"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n", other, "bad"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding\t: chunked\r\n\r\n", other, "bad"},
        {"HTTP/1.1 200 OK\r\nA b: c\r\n\r\n", other, "bad"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", other, "length 5"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5 , 05\r\n\r\n", other, "length 5"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n", other, "bad"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5,\r\n\r\n", other, "bad"},
        {"HTTP/1.1 200 OK\r\nContent-Length: ,5\r\n\r\n", other, "bad"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\x01\r\n\r\n", other, "bad"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: \x0b"
         "chunked\r\n\r\n",
         other, "bad"},
        {"HTTP/1.1 200 O\x01K\r\nA: b\x1b[2J\x7f\r\nContent-Length: 5\r\n\r\n", other, "length 5"},
        {std::string("HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n", 27), other, "bad"},
        {"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", other, "bad"},
        {"HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n", other, "bad"},
        {"HTTP/1.1 200 OK\r\nA\x01: b\r\n\r\n", other, "bad"},
        {"HTTP/1.1 200 OK\r\nA: b\x01", other, "more"},
        {"ICY 200 OK\r\n\r\n", other, "bad"},
        {"HTTP/1.1 200 OK\r\nA: b\r\n", other, "more"},
    };
    for (const auto& c : cases) {
        INFO(c.bytes);
        ResponseHead head;
        const auto result = parse_response(c.bytes, limits, head);
        std::string got = result.status == HeadStatus::incomplete ? "more" : "bad";
        if (result.status == HeadStatus::complete) {
            const auto framed = response_framing(head, c.to);
            const char* names[] = {"none", "length", "chunked", "close"};
            if (!framed.error) got = names[static_cast<int>(framed.framing.kind)];
            if (got == "length") got += " " + std::to_string(framed.framing.length);
        }
        CHECK(got == c.expected);
    }
}
