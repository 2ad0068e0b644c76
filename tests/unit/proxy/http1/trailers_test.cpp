#include "proxy/http1/trailers.h"
#include "tests/catch.h"

#include <string>

using namespace weir::proxy::http;

namespace {

std::string text_of(const std::string& lines) { return TrailerSection(lines).text(); }

} // namespace

TEST_CASE("fields that describe a body may be in its trailers") {
    for (const char* name :
         {"grpc-status", "grpc-message", "grpc-status-details-bin", "Server-Timing", "Content-Digest", "Repr-Digest",
          "Digest", "ETag", "Signature", "Signature-Input", "Accept-Ranges", "Authentication-Info",
          "X-Amz-Checksum-Crc32", "X-Sum", "A", "Contents", "Ifs", "Te-X"}) {
        INFO(name);
        CHECK(may_trail(name));
    }
}

TEST_CASE("fields that belong in a head are kept out of trailers") {
    for (const char* name : {"Content-Length",
                             "Transfer-Encoding",
                             "TE",
                             "Trailer",
                             "Connection",
                             "Keep-Alive",
                             "Proxy-Connection",
                             "Upgrade",
                             "HTTP2-Settings",
                             "Host",
                             "Expect",
                             "Max-Forwards",
                             "Range",
                             "If-Match",
                             "If-Range",
                             "If-Anything",
                             "Cache-Control",
                             "Pragma",
                             "Authorization",
                             "Proxy-Authorization",
                             "Proxy-Authenticate",
                             "WWW-Authenticate",
                             "Cookie",
                             "Set-Cookie",
                             "Set-Cookie2",
                             "Content-Type",
                             "Content-Encoding",
                             "Content-Range",
                             "Content-Location",
                             "Content-Security-Policy",
                             "Content-Digest-2",
                             "Location",
                             "Date",
                             "Age",
                             "Expires",
                             "Vary",
                             "Retry-After",
                             "Warning",
                             "Forwarded",
                             "X-Forwarded-For",
                             "X-Forwarded-Proto",
                             "X-Forwarded-Anything",
                             "X-Real-IP",
                             "Via",
                             "Proxy",
                             "Origin",
                             "Referer",
                             "User-Agent",
                             "Accept",
                             "Accept-Encoding",
                             "Access-Control-Allow-Origin",
                             "Sec-WebSocket-Accept",
                             "Strict-Transport-Security",
                             "X-Request-Id",
                             "traceparent",
                             "tracestate",
                             "Early-Data"}) {
        INFO(name);
        CHECK_FALSE(may_trail(name));
        std::string alias(name);
        for (auto& c : alias) c = c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
        CHECK_FALSE(may_trail(alias));
    }
}

TEST_CASE("a trailer section is written in the usual form") {
    CHECK(text_of("").empty());
    CHECK(text_of("A: b\r\n") == "A: b\r\n");
    CHECK(text_of("a:b\r\nC: \t d \r\nE:\r\n") == "a: b\r\nC: d\r\nE: \r\n");
    CHECK(text_of("A: b\r\nContent_Length: 5\r\nHOST: x\r\nA: c\r\n") == "A: b\r\nA: c\r\n");
    CHECK(text_of("A: \x01x\x01y\x7f\r\n") == "A: x y\r\n");
}

TEST_CASE("a trailer section ends at the first line that is no field") {
    for (const std::string bad : {"no colon", ": b", "a b: c", " A: folded", "A\n: b", "A: b\rc", "A: b\nc"}) {
        INFO(bad);
        CHECK(text_of("X: y\r\n" + bad + "\r\nZ: z\r\n") == "X: y\r\n");
    }
    CHECK(text_of("X: y\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n") == "X: y\r\n");
    CHECK(text_of("X: y\r\nZ: z") == "X: y\r\n");
    CHECK(text_of(std::string("X: y\r\nZ: \0\r\n", 12)) == "X: y\r\n");
}

TEST_CASE("a trailer section is bounded") {
    std::string lines;
    for (std::size_t i = 0; i < 2 * max_trailer_count; ++i) lines += "A: b\r\n";
    CHECK(text_of(lines).size() == max_trailer_count * 6);
}

TEST_CASE("named fields are dropped from trailers in every spelling") {
    const std::string lines = "X-A: 1\r\nx_a: 2\r\nX-B: 3\r\nX-C: 4\r\nX-AB: 5\r\n";
    TrailerSection section(lines);
    section.drop("X.A");
    section.drop_connection_options("close, x-c ,, X-None");
    CHECK(section.text() == "X-B: 3\r\nX-AB: 5\r\n");
    section.drop_all({"x-ab", "x-n"});
    CHECK(section.text() == "X-B: 3\r\n");
}
