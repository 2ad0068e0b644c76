#include "proxy/http2/response_text.h"

#include "proxy/http2/websocket_handshake.h"
#include "tests/catch.h"

#include <string>
#include <utility>
#include <vector>

using namespace weir::proxy;
using namespace weir::proxy::http2;

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Response {
    http::HeadResult result;
    std::string text{};
};

Response make_response(const Fields& fields, const http::HeadLimits& limits = {}) {
    ResponseText text;
    text.begin(limits);
    for (const auto& [name, value] : fields) text.add(name, value);
    Response response{text.finish()};
    if (response.result.status == http::HeadStatus::refused) return response;
    BufferPool pool(64, 1); // it has to grow
    Buffer out(pool);
    text.write(out);
    response.text = out.view();
    return response;
}

int refusal_of(const Fields& fields, const http::HeadLimits& limits = {}) {
    return make_response(fields, limits).result.code;
}

} // namespace

TEST_CASE("the head of an HTTP/2 response as text") {
    CHECK(make_response({{":status", "200"}, {"content-type", "text/plain"}, {"x-empty", ""}}).text ==
          "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-empty: \r\n\r\n");
    CHECK(make_response({{":status", "599"}}).text == "HTTP/1.1 599 Unknown\r\n\r\n");
    CHECK(make_response({{":status", "103"}, {"link", "</a>"}}).text ==
          "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
}

TEST_CASE("heads of HTTP/2 responses that have no form in HTTP/1.1 are refused") {
    for (const auto& fields : std::vector<Fields>{
             {},
             {{"a", "b"}},
             {{"a", "b"}, {":status", "200"}},
             {{":status", "200"}, {":status", "200"}},
             {{":status", "200"}, {"a", "b"}, {":status", "200"}},
             {{":status", "101"}},
             {{":status", "099"}},
             {{":status", "600"}},
             {{":status", "20"}},
             {{":status", "2000"}},
             {{":status", " 200"}},
             {{":status", "+20"}},
             {{":status", "200"}, {":path", "/"}},
             {{":status", "200"}, {"Upper", "b"}},
             {{":status", "200"}, {"", "b"}},
             {{":status", "200"}, {"a b", "b"}},
             {{":status", "200"}, {"a:", "b"}},
             {{":status", "200"}, {"a", "b\r\nc: d"}},
             {{":status", "200"}, {"a", std::string("b\0", 2)}},
             {{":status", "200"}, {"a", " b"}},
             {{":status", "200"}, {"connection", "close"}},
             {{":status", "200"}, {"transfer-encoding", "chunked"}},
             {{":status", "200"}, {"keep-alive", "timeout=5"}},
             {{":status", "200"}, {"upgrade", "h2c"}},
             {{":status", "200"}, {"te", "trailers"}},
             {{":status", "200"}, {"content-length", "5"}, {"content-length", "5"}},
             {{":status", "200"}, {"content-length", "5 "}},
             {{":status", "200"}, {"content-length", "-5"}},
             {{":status", "200"}, {"content-length", ""}},
             {{":status", "200"}, {"content-length", "1234567890123456789"}},
         })
        CHECK(refusal_of(fields) == 400);
}

TEST_CASE("heads of HTTP/2 responses beyond the limits are refused as too large") {
    CHECK(refusal_of({{":status", "200"}, {"a", "b"}, {"c", "d"}}, {1000, 1}) == 431);
    CHECK(refusal_of({{":status", "200"}, {"a", "b"}}, {1000, 1}) == 0);
    CHECK(refusal_of({{":status", "200"}, {"a", std::string(1000, 'x')}}, {1000, 10}) == 431);
    CHECK(refusal_of({{":status", "200"}, {"a", "b"}}, {42 + 34, 10}) == 0); // each field counts 32 bytes more
    CHECK(refusal_of({{":status", "200"}, {"a", "b"}}, {42 + 33, 10}) == 431);
}

TEST_CASE("an accepted WebSocket over HTTP/2 is a 101 over HTTP/1.1") {
    ResponseText text;
    text.begin({});
    text.add(":status", "200");
    text.add("sec-websocket-accept", "of-the-backend");
    text.add("sec-websocket-protocol", "chat");
    REQUIRE(text.finish().status == http::HeadStatus::complete);
    BufferPool pool(1024, 1);
    Buffer out(pool);
    text.write_switch(out, "dGhlIHNhbXBsZSBub25jZQ==");
    CHECK(out.view() == "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nsec-websocket-protocol: chat\r\n\r\n");
    CHECK(may_answer_websocket(out.view(), "dGhlIHNhbXBsZSBub25jZQ=="));
}

TEST_CASE("the length of an HTTP/2 response is known if its head states it") {
    ResponseText text;
    for (const auto* length : {"0", "17"}) {
        text.begin({});
        text.add(":status", "200");
        CHECK(!text.length());
        text.add("content-length", length);
        CHECK(text.length() == std::stoull(length));
    }
}
