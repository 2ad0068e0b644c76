#include "proxy/http2/request_fields.h"

#include "tests/catch.h"

#include <string>

using namespace weir::proxy::http2;

namespace {

using Lines = std::vector<std::string>;

struct Converted {
    RequestForm form;
    std::string websocket_key;
    Lines fields; // "name=value", with a '*' if the field is never indexed
};

std::string text_at(const std::uint8_t* bytes, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
}

// Reads from memory of exactly this size, so that a sanitizer sees reads behind it.
Converted convert(const std::string& head, std::string_view scheme = "http") {
    std::vector<char> bytes(head.begin(), head.end());
    std::vector<nghttp2_nv> fields(3);
    const auto read = read_request_fields(bytes, scheme, fields);
    Converted converted{read.form, std::string(read.websocket_key), {}};
    for (const auto& field : fields)
        converted.fields.push_back(text_at(field.name, field.namelen) + "=" + text_at(field.value, field.valuelen) +
                                   (field.flags & NGHTTP2_NV_FLAG_NO_INDEX ? "*" : ""));
    return converted;
}

} // namespace

TEST_CASE("the fields of an HTTP/2 request to a backend") {
    const auto read = convert("GET /a?b=c HTTP/1.1\r\nHost: example.com:81\r\nX-Some: Value\r\n\r\n", "https");
    CHECK(read.form == RequestForm::plain);
    CHECK(read.fields ==
          Lines{":method=GET", ":scheme=https", ":authority=example.com:81", ":path=/a?b=c", "x-some=Value"});
}

TEST_CASE("fields of a connection do not pass to an HTTP/2 backend") {
    const auto read = convert("POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
                              "TE: trailers\r\nKeep-Alive: timeout=5\r\nContent-Type: text/plain\r\n\r\n");
    CHECK(read.fields ==
          Lines{":method=POST", ":scheme=http", ":authority=h", ":path=/", "te=trailers", "content-type=text/plain"});
    CHECK(convert("GET / HTTP/1.1\r\nHost: h\r\nTE: gzip\r\n\r\n").fields.size() == 4);
}

TEST_CASE("secrets in requests to an HTTP/2 backend are never indexed") {
    const auto read = convert("GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic eDp5\r\nCookie: a=b\r\n"
                              "Cookie: a=a-long-value-that-is-worth-it\r\n\r\n");
    CHECK(Lines(read.fields.begin() + 4, read.fields.end()) ==
          Lines{"authorization=Basic eDp5*", "cookie=a=b*", "cookie=a=a-long-value-that-is-worth-it"});
}

TEST_CASE("a request to switch to WebSocket becomes an extended CONNECT") {
    const auto read = convert("GET /chat HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Version: 13\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    CHECK(read.form == RequestForm::websocket);
    CHECK(read.websocket_key == "dGhlIHNhbXBsZSBub25jZQ==");
    CHECK(read.fields == Lines{":method=CONNECT", ":protocol=websocket", ":scheme=http", ":authority=h", ":path=/chat",
                               "sec-websocket-version=13"});
}

TEST_CASE("other protocols than WebSocket are left out over HTTP/2") {
    const auto read = convert("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: tls/1.2\r\n\r\n");
    CHECK(read.form == RequestForm::plain);
    CHECK(read.fields.size() == 4);
}

TEST_CASE("what is no request head has no HTTP/2 form") {
    for (const auto* text : {"", "GET", "GET /", "GET / HTTP/1.1", "\r\n\r\n", "GET \r\n\r\n", "  \r\n"})
        CHECK(convert(text).form == RequestForm::none);
}

TEST_CASE("a request without a Host has no authority in HTTP/2") {
    CHECK(convert("OPTIONS * HTTP/1.1\r\n\r\n").fields == Lines{":method=OPTIONS", ":scheme=http", ":path=*"});
}
