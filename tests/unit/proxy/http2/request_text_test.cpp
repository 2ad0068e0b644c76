#include "proxy/http1/framing.h"
#include "proxy/http2/request_text.h"
#include "tests/catch.h"

#include <stdexcept>
#include <string>
#include <utility>

using namespace weir::proxy;
using namespace weir::proxy::http2;

namespace {

using Section = std::vector<std::pair<std::string, std::string>>;

const http::HeadLimits usual_limits;
const std::string websocket_key = "dGhlIHNhbXBsZSBub25jZQ==";

struct Made {
    http::HeadResult result;
    std::string text;
};

// Makes the text in a buffer that has to grow, behind other bytes.
Made make(RequestText& text, const Section& section, EndStream end, const http::HeadLimits& limits = usual_limits) {
    BufferPool pool(16, 1);
    Buffer out(pool);
    out.append("before");
    text.begin(limits);
    for (const auto& [name, value] : section) text.add(name, value);
    text.set_websocket_key(websocket_key);
    const auto result = text.finish(end, out);
    REQUIRE(out.view().starts_with("before"));
    return {result, std::string(out.view().substr(6))};
}

Made make(const Section& section, EndStream end = EndStream::yes, const http::HeadLimits& limits = usual_limits) {
    RequestText text;
    return make(text, section, end, limits);
}

// Returns the section of a GET with other fields behind it.
Section get(const Section& more = {}) {
    Section section{{":method", "GET"}, {":scheme", "https"}, {":authority", "a.example"}, {":path", "/"}};
    section.insert(section.end(), more.begin(), more.end());
    return section;
}

Section connect(const std::string& protocol, const Section& more = {}) {
    Section section{
        {":method", "CONNECT"}, {":protocol", protocol}, {":scheme", "https"}, {":authority", "a"}, {":path", "/chat"}};
    section.insert(section.end(), more.begin(), more.end());
    return section;
}

// Returns a GET with one pseudo-field replaced; without it if the value is null.
Section with(const std::string& name, const char* value) {
    auto section = get();
    for (auto field = section.begin(); field != section.end(); ++field) {
        if (field->first != name) continue;
        if (value) field->second = value;
        else section.erase(field);
        return section;
    }
    throw std::logic_error("no such pseudo-field");
}

// Reads a text as the exchange does, and returns what kind of body follows.
http::Framing parse(const std::string& text, const http::HeadLimits& limits = usual_limits) {
    http::RequestHead head;
    REQUIRE(http::parse_request(text, limits, head).status == http::HeadStatus::complete);
    CHECK(head.length == text.size());
    const auto framed = http::request_framing(head);
    CHECK(framed.error == nullptr);
    return framed.framing;
}

int parser_code(const std::string& text) {
    http::RequestHead head;
    return http::parse_request(text, usual_limits, head).code;
}

void check_refused(const std::vector<Section>& sections, int code, EndStream end = EndStream::yes) {
    for (const auto& section : sections) {
        std::string shown;
        for (const auto& [name, value] : section) shown += name + "=" + value.substr(0, 40) + " ";
        INFO(shown);
        const auto made = make(section, end);
        CHECK(made.result.status == http::HeadStatus::refused);
        CHECK(made.result.code == code);
        CHECK(made.result.reason[0] != '\0');
        CHECK(made.text.empty());
    }
}

} // namespace

TEST_CASE("the text of an HTTP/2 request") {
    struct Row {
        Section section;
        EndStream end;
        std::string text;
        http::Framing framing;
    };
    constexpr auto yes = EndStream::yes, no = EndStream::no;
    constexpr http::Framing none, chunked{http::BodyKind::chunked};
    const std::string start = "GET / HTTP/1.1\r\nHost: a.example\r\n";
    const std::vector<Row> rows{
        {get(), yes, start + "\r\n", none},
        {get(), no, start + "Transfer-Encoding: chunked\r\n\r\n", chunked},
        {get({{"content-length", "5"}}), no, start + "content-length: 5\r\n\r\n", {http::BodyKind::length, 5}},
        {get({{"content-length", "0"}}), yes, start + "content-length: 0\r\n\r\n", {http::BodyKind::length, 0}},
        {get({{"content-length", "000"}}), yes, start + "content-length: 000\r\n\r\n", {http::BodyKind::length, 0}},
        {get({{"content-length", "0"}}), no, start + "content-length: 0\r\n\r\n", {http::BodyKind::length, 0}},
        {get({{"content-length", "999999999999999999"}}),
         no,
         start + "content-length: 999999999999999999\r\n\r\n",
         {http::BodyKind::length, 999999999999999999}},
        {get({{"x-a", "1"}, {"x-a", ""}, {"x-b", "\xc3\xa4 \t\"#"}}), yes,
         start + "x-a: 1\r\nx-a: \r\nx-b: \xc3\xa4 \t\"#\r\n\r\n", none},
        {get({{"te", "trailers"}, {"te", "trailers"}, {"trailer", "x"}, {"expect", "100-continue"}}), yes,
         start + "te: trailers\r\nte: trailers\r\ntrailer: x\r\nexpect: 100-continue\r\n\r\n", none},
        // Crumbs make one line, behind the others.
        {get({{"cookie", "a=b"}, {"x", "1"}, {"cookie", "c=d"}, {"cookie", ""}, {"cookie", "e=f; g=h"}}), yes,
         start + "x: 1\r\nCookie: a=b; c=d; e=f; g=h\r\n\r\n", none},
        {get({{"cookie", ""}, {"cookie", "a"}}), yes, start + "Cookie: a\r\n\r\n", none},
        {get({{"cookie", ""}}), yes, start + "Cookie: \r\n\r\n", none},
        // As in HTTP/1.1, names that CGI folds into others are dropped only when the request is forwarded.
        {get({{"transfer_encoding", "chunked"}, {"content_length", "5"}, {"proxy", "x"}}), yes,
         start + "transfer_encoding: chunked\r\ncontent_length: 5\r\nproxy: x\r\n\r\n", none},
        // Extended CONNECT alone has weir's key.
        {get({{"sec-websocket-key", "x"}}), yes, start + "sec-websocket-key: x\r\n\r\n", none},
        // The authority.
        {get({{"host", "a.example"}}), yes, start + "\r\n", none},
        {get({{"host", "A.example:443"}}), yes, "GET https://a.example/ HTTP/1.1\r\nHost: A.example:443\r\n\r\n", none},
        {{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"x", "1"}, {"host", "b:81"}},
         yes,
         "GET / HTTP/1.1\r\nHost: b:81\r\nx: 1\r\n\r\n",
         none},
        {{{":path", "/"}, {":authority", "[::1]:8080"}, {":scheme", "http"}, {":method", "get"}},
         yes,
         "get / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
         none},
        // Targets.
        {with(":path", "//b/?c=d|\"%00{}"), yes, "GET //b/?c=d|\"%00{} HTTP/1.1\r\nHost: a.example\r\n\r\n", none},
        {{{":method", "OPTIONS"}, {":scheme", "http"}, {":authority", "a"}, {":path", "*"}, {"host", "a"}},
         yes,
         "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
         none},
    };
    RequestText reused;
    for (const auto& row : rows) {
        INFO(row.text);
        const auto made = make(reused, row.section, row.end);
        CHECK(made.result.status == http::HeadStatus::complete);
        CHECK(made.text == row.text);
        CHECK_FALSE(reused.is_websocket());
        CHECK(parse(made.text) == row.framing);
    }
}

TEST_CASE("the text of an extended CONNECT for WebSocket") {
    const std::string start = "GET /chat HTTP/1.1\r\nHost: a\r\n";
    const std::string end =
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: " + websocket_key + "\r\n\r\n";
    RequestText text;
    const auto made = make(text,
                           connect("websocket", {{"sec-websocket-version", "13"},
                                                 {"sec-websocket-key", "theirs"},
                                                 {"sec_websocket_key", "theirs"},
                                                 {"origin", "https://a"},
                                                 {"cookie", "a=b"}}),
                           EndStream::no);
    CHECK(text.is_websocket());
    CHECK(made.text == start + "sec-websocket-version: 13\r\norigin: https://a\r\nCookie: a=b\r\n" + end);
    CHECK(parse(made.text) == http::Framing{});
    CHECK(make(text, connect("WebSocket"), EndStream::no).text == start + end);
    CHECK(make(text, connect("websocket", {{"host", "A"}}), EndStream::no).text ==
          "GET https://a/chat HTTP/1.1\r\nHost: A\r\n" + end);
    CHECK(make(text, get(), EndStream::yes).result.status == http::HeadStatus::complete);
    CHECK_FALSE(text.is_websocket());
}

TEST_CASE("malformed fields of an HTTP/2 request are refused") {
    std::vector<Section> sections;
    for (const std::string name : {"", "X", "content-Length", "a b", "a:", " a", "a\r\n", "a(", "\xc3\xa4", "a\x7f"})
        sections.push_back(get({{name, "v"}}));
    sections.push_back(get({{std::string("a\0", 2), "v"}}));
    for (const std::string value :
         {" ", " v", "v ", "\tv", "v\t", "a\rb", "a\nb", "a\r\nb: c", "a\x01", "a\x7f", "\x1b[0m"})
        sections.push_back(get({{"a", value}}));
    sections.push_back(get({{"a", std::string("v\0v", 3)}}));
    for (const std::string name :
         {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "http2-settings"})
        for (const std::string value : {"", "close", "chunked"}) sections.push_back(get({{name, value}}));
    for (const std::string value : {"", "gzip", "Trailers", "trailers, gzip", "trailers;q=1"})
        sections.push_back(get({{"te", value}}));
    check_refused(sections, 400);
    check_refused(sections, 400, EndStream::no);
}

TEST_CASE("malformed pseudo-fields of an HTTP/2 request are refused") {
    std::vector<Section> sections{
        {},
        get({{":status", "200"}}),
        get({{":", "x"}}),
        get({{":Method", "GET"}}),
        get({{":method", "GET"}}),
        get({{":path", "/"}}),
        get({{":authority", "a.example"}}),
        get({{":scheme", "https"}}),
        get({{":protocol", "websocket"}}),
        {{":method", "GET"}, {":scheme", "https"}, {"x", "1"}, {":authority", "a"}, {":path", "/"}},
        {{"x", "1"}, {":method", "GET"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/"}},
        {{":method", "OPTIONS"}, {":scheme", "http"}, {":authority", "a"}, {":path", "*"}, {"host", "A"}},
        {{":method", "OPTIONS"}, {":scheme", "http"}, {":authority", "a"}, {":path", ""}},
    };
    for (const char* name : {":method", ":scheme", ":path", ":authority"}) {
        sections.push_back(with(name, nullptr));
        sections.push_back(with(name, ""));
        for (const char* value : {"a b", "a\r\nb", " a", "a ", "\xc3\xa4", "/\x80", "/ ", "/#"})
            sections.push_back(with(name, value));
    }
    for (const char* method : {"GET /", "G@T", "GET\t"}) sections.push_back(with(":method", method));
    for (const char* scheme : {"HTTPS", "Http", "ftp", "foo", "https:", "http://b/"})
        sections.push_back(with(":scheme", scheme));
    for (const char* path : {"*", "x", "http://b/", "?q", "/a b", "/a#b", "/\x7f", "/\r\nx: y", "/ HTTP/1.1"})
        sections.push_back(with(":path", path));
    for (const char* authority : {"u@a", "u:p@a", "a/b", "a,b", "a?b", "a#b", "a\\b", "a%20", "http://a"})
        sections.push_back(with(":authority", authority));
    check_refused(sections, 400);
    check_refused(sections, 400, EndStream::no);
}

TEST_CASE("malformed hosts and lengths of an HTTP/2 request are refused") {
    std::vector<Section> sections;
    for (const std::string host : {"", "u@a.example", "a.example/", "a b", "a,b"})
        sections.push_back(get({{"host", host}}));
    sections.push_back(get({{"host", "a.example"}, {"host", "a.example"}}));
    sections.push_back({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", ""}});
    for (const std::string length :
         {"", "+5", "-5", "5,5", "5, 5", "0x5", "5 ", "1e1", "1000000000000000000", "\xd9\xa5"})
        sections.push_back(get({{"content-length", length}}));
    sections.push_back(get({{"content-length", "5"}, {"content-length", "5"}}));
    sections.push_back(get({{"content-length", "0"}, {"content-length", "0"}}));
    check_refused(sections, 400, EndStream::no);
    sections.push_back(get({{"content-length", "5"}})); // no body is left
    sections.push_back(get({{"content-length", "001"}}));
    check_refused(sections, 400);
}

TEST_CASE("CONNECT of HTTP/2 is refused") {
    check_refused({{{":method", "CONNECT"}, {":authority", "a:443"}}, with(":method", "TRACE"), with(":method", "PRI")},
                  405, EndStream::no);
    check_refused({connect("connect-udp"), connect("websockets"), connect("h2c")}, 501, EndStream::no);
    check_refused(
        {with(":method", "CONNECT"),
         {{":method", "CONNECT"}},
         {{":method", "CONNECT"}, {"host", "a:443"}},
         {{":method", "CONNECT"}, {":authority", "a:443"}, {":path", "/"}},
         {{":method", "CONNECT"}, {":authority", "a:443"}, {":scheme", "https"}},
         {{":method", "CONNECT"}, {":authority", "a:443"}, {"te", "gzip"}},
         {{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "https"}, {":path", "/"}},
         {{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "https"}, {":authority", "a"}},
         {{":method", "CONNECT"}, {":protocol", "websocket"}, {":authority", "a"}, {":path", "/"}},
         {{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "https"}, {":path", "/"}, {"host", "a"}},
         {{":method", "GET"}, {":protocol", "websocket"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/"}},
         connect(""),
         connect("web socket"),
         connect("websocket", {{"connection", "upgrade"}}),
         connect("websocket", {{"upgrade", "websocket"}}),
         connect("websocket", {{"content-length", "0"}}),
         connect("websocket", {{"content-length", "5"}})},
        400, EndStream::no);
    check_refused({connect("websocket"), connect("connect-udp")}, 400, EndStream::yes);
}

TEST_CASE("the parser refuses authorities that are no host with a port or differ") {
    for (const char* authority : {"a:b", "[::1", "[::1]x", ":80", "a:1234567", "::1"}) {
        INFO(authority);
        const auto made = make(with(":authority", authority));
        REQUIRE(made.result.status == http::HeadStatus::complete);
        CHECK(parser_code(made.text) == 400);
    }
    for (const std::string host : {"b", "a.example:80", "a.example:444", "a.example.b", "xn--a.example"}) {
        INFO(host);
        const auto made = make(get({{"host", host}}));
        REQUIRE(made.result.status == http::HeadStatus::complete);
        CHECK(parser_code(made.text) == 400);
    }
    for (const std::string host : {"A.EXAMPLE", "a.example:443", "a.example."})
        CHECK(parser_code(make(get({{"host", host}})).text) == 0);
}

TEST_CASE("an illegal field that the library finds refuses the request") {
    RequestText text;
    text.begin(usual_limits);
    text.add(":method", "GET");
    text.refuse("by the library");
    for (const auto& [name, value] : get()) text.add(name, value); // :method twice, but the first error counts
    BufferPool pool(1024, 1);
    Buffer out(pool);
    const auto result = text.finish(EndStream::yes, out);
    CHECK(result.code == 400);
    CHECK(std::string(result.reason) == "by the library");
    CHECK(out.empty());
    CHECK(make(text, get(), EndStream::yes).result.status == http::HeadStatus::complete);
}

TEST_CASE("the logs show what is legal in a refused HTTP/2 request") {
    RequestText text;
    make(text, get({{"te", "gzip"}}), EndStream::yes);
    CHECK(text.method() == "GET");
    CHECK(text.path() == "/");
    CHECK(text.authority() == "a.example");
    make(text, with(":path", "/a\x1b"), EndStream::yes);
    CHECK(text.path().empty());
    make(text, {{":method", "GET"}, {":scheme", "http"}, {"host", "b"}}, EndStream::yes);
    CHECK(text.authority() == "b");
}

TEST_CASE("an HTTP/2 head has the size of its fields and 32 bytes for each") {
    const auto at_limit = [](const Section& section, EndStream end) {
        std::size_t size = 0;
        for (const auto& [name, value] : section) size += name.size() + value.size() + 32;
        CHECK(make(section, end, {size - 1, 100}).result.code == 431);
        const auto made = make(section, end, {size, 100});
        REQUIRE(made.result.status == http::HeadStatus::complete);
        CHECK(made.text.size() <= size);
        parse(made.text, {size, 100}); // the parser does not refuse what weir adds
    };
    at_limit(get(), EndStream::yes);
    at_limit(get(), EndStream::no);
    at_limit(get({{"host", "A.example"}}), EndStream::no);
    at_limit({{":method", "G"}, {":scheme", "http"}, {":path", "/"}, {"host", "a"}}, EndStream::no);
    at_limit(connect("websocket"), EndStream::no);
    at_limit(connect("websocket", {{"host", "A"}}), EndStream::no);
    at_limit(get(Section(50, {"cookie", "a"})), EndStream::no);
    at_limit(get(Section(50, {"cookie", ""})), EndStream::no);
    at_limit(get(Section(50, {"a", ""})), EndStream::no);
}

TEST_CASE("the lines of an HTTP/2 head count as those of HTTP/1.1") {
    const http::HeadLimits limits{1u << 20, 10};
    struct Row {
        Section section;
        EndStream end;
        std::size_t free; // how many fields more it may have
    };
    const std::vector<Row> rows{
        {get(), EndStream::yes, 9},
        {get({{"host", "a.example"}}), EndStream::yes, 9},
        {get({{"host", "A.example"}}), EndStream::yes, 9},
        {get(), EndStream::no, 8}, // Transfer-Encoding
        {get({{"content-length", "5"}}), EndStream::no, 8},
        {get(Section(100, {"cookie", "a=b"})), EndStream::yes, 8},
        {connect("websocket"), EndStream::no, 6}, // Connection, Upgrade, Sec-WebSocket-Key
    };
    for (const auto& row : rows) {
        auto section = row.section;
        section.insert(section.end(), row.free, {"x", "1"});
        const auto made = make(section, row.end, limits);
        REQUIRE(made.result.status == http::HeadStatus::complete);
        parse(made.text, limits);
        section.push_back({"x", "1"});
        CHECK(make(section, row.end, limits).result.code == 431);
    }
    // The parser has a limit of its own.
    CHECK(make(get(Section(999, {"x", ""})), EndStream::yes, {1u << 20, 5000}).result.code == 0);
    CHECK(make(get(Section(1000, {"x", ""})), EndStream::yes, {1u << 20, 5000}).result.code == 431);
}

TEST_CASE("fields beyond the limits take no memory") {
    RequestText text;
    text.begin({1000, 100});
    const std::string large(100, 'x');
    for (int i = 0; i < 100000; ++i) text.add("cookie", large);
    for (int i = 0; i < 100000; ++i) text.add("x", large);
    BufferPool pool(1024, 1);
    Buffer out(pool);
    CHECK(text.finish(EndStream::yes, out).code == 431);
}
