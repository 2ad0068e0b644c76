#include "proxy/http/rewrite.h"
#include "tests/catch.h"

#include <string>

using namespace weir::proxy::http;
using weir::proxy::Buffer;
using weir::proxy::BufferPool;

namespace {

std::string rewritten(const std::string& bytes, Trust trust = Trust::untrusted,
                      const weir::conf::HeaderEdit& edit = {}) {
    RequestHead head;
    REQUIRE(parse_request(bytes, {}, head).status == HeadStatus::complete);
    const auto framed = request_framing(head);
    REQUIRE(framed.error == nullptr);
    BufferPool pool(64, 4); // smaller than any head: it has to grow
    Buffer out(pool);
    const auto upgrade = requested_upgrade(head, connection_options(head.fields), framed.framing);
    write_request(out, head, framed.framing, {"10.9.8.7", trust, "http"}, upgrade, edit);
    return std::string(out.view());
}

std::string get(const std::string& fields) { return rewritten("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"); }

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string answered(const std::string& bytes, ResponsePlan plan) {
    ResponseHead head;
    REQUIRE(parse_response(bytes, {}, head).status == HeadStatus::complete);
    BufferPool pool(4096, 4);
    Buffer out(pool);
    write_response(out, head, plan);
    return std::string(out.view());
}

} // namespace

TEST_CASE("a request is written anew with its forwarding headers") {
    CHECK(rewritten("GET /x?y HTTP/1.1\r\nHost: a.b\r\nAccept:  */* \r\n\r\n") ==
          "GET /x?y HTTP/1.1\r\nHost: a.b\r\nAccept: */*\r\nX-Forwarded-For: 10.9.8.7\r\nX-Forwarded-Proto: "
          "http\r\nX-Forwarded-Host: a.b\r\n\r\n");
    CHECK(has(rewritten("GET http://a.b?y HTTP/1.0\r\n\r\n"), "GET /?y HTTP/1.1\r\nHost: a.b\r\n"));
    CHECK(has(rewritten("POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 007\r\n\r\n"), "\r\nContent-Length: 7\r\n"));
    CHECK(has(rewritten("POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: CHUNKED\r\n\r\n"),
              "\r\nTransfer-Encoding: chunked\r\n"));
}

TEST_CASE("hop-by-hop fields end here") {
    const auto text = get("Connection: close, X-Drop\r\nX-Drop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nTrailer: "
                          "x\r\nProxy-Connection: keep-alive\r\n"
                          "Proxy: evil\r\nHTTP2-Settings: x\r\nX-Keep: 2\r\n");
    for (const char* gone : {"X-Drop", "Keep-Alive", "TE:", "Trailer", "Proxy", "HTTP2", "Connection"}) {
        INFO(gone);
        CHECK_FALSE(has(text, gone));
    }
    CHECK(has(text, "X-Keep: 2\r\n"));
}

TEST_CASE("naming weir's own headers in Connection does not remove them") {
    const auto text = get("Connection: X-Forwarded-For, Host\r\nX-Forwarded-For: 1.2.3.4\r\n");
    CHECK(has(text, "X-Forwarded-For: 10.9.8.7\r\n"));
    CHECK(has(text, "Host: a\r\n"));
    CHECK_FALSE(has(text, "1.2.3.4"));
}

TEST_CASE("X-Forwarded headers are believed from trusted proxies alone") {
    const std::string request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n"
                                "X-Forwarded-Host: shop\r\nForwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\n\r\n";
    const auto untrusted = rewritten(request);
    CHECK(has(untrusted, "X-Forwarded-For: 10.9.8.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"));
    CHECK_FALSE(has(untrusted, "1.2.3.4"));
    const auto trusted = rewritten(request, Trust::trusted);
    CHECK(has(trusted, "X-Forwarded-For: 1.2.3.4, 10.9.8.7\r\n"));
    CHECK(has(trusted, "X-Forwarded-Proto: https\r\n"));
    CHECK(has(trusted, "X-Forwarded-Host: shop\r\n"));
    CHECK_FALSE(has(trusted, "X-Forwarded-Proto: http\r\n"));
    CHECK(has(trusted, "X-Real-IP: 1.2.3.4\r\n"));
}

TEST_CASE("underscored aliases of framing and trust headers are dropped") {
    const auto text =
        get("Transfer_Encoding: chunked\r\nContent_Length: 5\r\nX_Forwarded_For: 1.2.3.4\r\nMy_Header: 1\r\n");
    CHECK_FALSE(has(text, "Transfer_Encoding"));
    CHECK_FALSE(has(text, "Content_Length"));
    CHECK_FALSE(has(text, "X_Forwarded_For"));
    CHECK(has(text, "My_Header: 1\r\n"));
}

TEST_CASE("a route sets and removes headers") {
    const auto text = rewritten("GET / HTTP/1.1\r\nHost: a\r\nX-Api: client\r\nX-Debug: 1\r\n\r\n", Trust::untrusted,
                                {{{"X-Api", "v1"}}, {"x-debug"}});
    CHECK(has(text, "X-Api: v1\r\n"));
    CHECK_FALSE(has(text, "client"));
    CHECK_FALSE(has(text, "X-Debug"));
}

TEST_CASE("an upgrade is passed on, but h2c and ones with a body are not") {
    CHECK(
        has(get("Connection: Upgrade\r\nUpgrade: websocket\r\n"), "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
    CHECK_FALSE(has(get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"), "pgrade"));
    CHECK_FALSE(has(get("Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n"), "pgrade"));
    CHECK_FALSE(has(get("Upgrade: websocket\r\n"), "pgrade"));
    CHECK_FALSE(
        has(rewritten("POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\n"),
            "pgrade"));
}

TEST_CASE("a response is written anew") {
    CHECK(answered("HTTP/1.1 200 Fine\r\nServer: x\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n",
                   {{BodyKind::length, 5}}) == "HTTP/1.1 200 Fine\r\nServer: x\r\nContent-Length: 5\r\n\r\n");
    CHECK(has(answered("HTTP/1.0 200 OK\r\n\r\n", {{BodyKind::chunked}}), "Transfer-Encoding: chunked\r\n"));
    CHECK(has(answered("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", {{BodyKind::length, 5}, 1, Connection::close}),
              "Connection: close\r\n"));
    CHECK(has(answered("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", {{BodyKind::length, 5}, 0}),
              "Connection: keep-alive\r\n"));
    CHECK(has(answered("HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n", {}), "Content-Length: 5\r\n"));
    CHECK_FALSE(has(answered("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", {}), "Content-Length"));
    CHECK(has(answered("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
                       {{}, 1, Connection::close, "websocket"}),
              "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
}
