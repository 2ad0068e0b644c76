#include "proxy/http/rewrite.h"
#include "tests/catch.h"

#include <cctype>
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
    BufferPool pool(64, 4); // smaller than any head: the buffer has to grow
    Buffer out(pool);
    const HeadEdit changes{edit, {.client_ip = "10.9.8.7", .host = host_of(head.authority), .scheme = "http"}};
    const auto upgrade = requested_upgrade(head, connection_options(head.fields), framed.framing);
    write_request(out, head, framed.framing, {"10.9.8.7", trust, "http"}, upgrade, edit.empty() ? nullptr : &changes);
    return std::string(out.view());
}

std::string get(const std::string& fields) { return rewritten("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"); }

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
}

std::string lower_dashed(std::string text) {
    for (auto& c : text) c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

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

TEST_CASE("a request is rewritten with its forwarding headers") {
    CHECK(rewritten("GET /x?y HTTP/1.1\r\nHost: a.b\r\nAccept:  */* \r\n\r\n") ==
          "GET /x?y HTTP/1.1\r\nHost: a.b\r\nAccept: */*\r\nX-Forwarded-For: 10.9.8.7\r\nX-Real-IP: "
          "10.9.8.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.b\r\n\r\n");
    CHECK(has(rewritten("GET http://a.b?y HTTP/1.0\r\n\r\n"), "GET /?y HTTP/1.1\r\nHost: a.b\r\n"));
    CHECK(has(rewritten("POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 007\r\n\r\n"), "\r\nContent-Length: 7\r\n"));
    CHECK(has(rewritten("POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: CHUNKED\r\n\r\n"),
              "\r\nTransfer-Encoding: chunked\r\n"));
}

TEST_CASE("fields are written in the usual form, however they were received") {
    for (const auto& [sent, written] : {std::pair{"X:a", "X: a"},
                                        {"X: a", "X: a"},
                                        {"X:  a", "X: a"},
                                        {"X: a ", "X: a"},
                                        {"X:\ta", "X: a"},
                                        {"X: a\t", "X: a"},
                                        {"X:\t a b ", "X: a b"},
                                        {"X:", "X: "},
                                        {"X: ", "X: "},
                                        {"X:  ", "X: "},
                                        {"X: \t", "X: "}}) {
        INFO(sent);
        const auto fields = "A: b\r\n" + std::string(sent) + "\r\nC: d\r\n";
        const auto expected = "\r\nA: b\r\n" + std::string(written) + "\r\nC: d\r\n";
        CHECK(has(get(fields), expected));
        CHECK(has(answered("HTTP/1.1 200 OK\r\n" + fields + "\r\n", {}), expected));
    }
}

TEST_CASE("hop-by-hop fields end here") {
    const auto text = get("Connection: close, X-Drop\r\nX-Drop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nTrailer: "
                          "x\r\nProxy-Connection: keep-alive\r\n"
                          "Proxy: evil\r\nHTTP2-Settings: x\r\nX-Keep: 2\r\n");
    for (const char* gone : {"X-Drop", "Keep-Alive", "Trailer", "Proxy", "HTTP2", "close"}) {
        INFO(gone);
        CHECK_FALSE(has(text, gone));
    }
    CHECK(has(text, "X-Keep: 2\r\n"));
}

TEST_CASE("of TE, only trailers goes on") {
    struct Row {
        const char *sent, *forwarded;
    };
    const Row rows[] = {
        {"", ""},
        {"TE: trailers\r\n", "TE: trailers\r\nConnection: TE\r\n\r\n"},
        {"te: Trailers\r\nConnection: TE, close\r\n", "TE: trailers\r\nConnection: TE\r\n\r\n"},
        {"TE: gzip;q=0.5, trailers\r\n", "TE: trailers\r\nConnection: TE\r\n\r\n"},
        {"TE: gzip\r\nTE: trailers\r\n", "TE: trailers\r\nConnection: TE\r\n\r\n"},
        {"TE:\r\n", ""},
        {"TE: gzip\r\n", ""},
        {"TE: trailers;q=1\r\n", ""},
        {"T_E: trailers\r\nTrailers: te\r\n", ""},
    };
    for (const auto& [sent, forwarded] : rows) {
        INFO(sent);
        const auto text = get(sent);
        CHECK(has(text, forwarded));
        CHECK(has(text, "TE: ") == (*forwarded != 0));
        CHECK(has(text, "Connection") == (*forwarded != 0));
    }
    CHECK_FALSE(has(rewritten("GET / HTTP/1.0\r\nHost: a\r\nTE: trailers\r\n\r\n"), "TE"));
}

TEST_CASE("trailers are announced to backends if the body has chunks") {
    const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\n";
    CHECK(has(rewritten(head + "Transfer-Encoding: chunked\r\n\r\n"), "Trailer: X-Sum\r\n"));
    CHECK_FALSE(has(rewritten(head + "Content-Length: 5\r\n\r\n"), "Trailer"));
    CHECK_FALSE(has(rewritten(head + "Connection: Trailer\r\nTransfer-Encoding: chunked\r\n\r\n"), "Trailer"));
}

TEST_CASE("trailers are announced to clients if they can get them") {
    const std::string head = "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\n\r\n";
    using weir::conf::HttpVersion;
    struct Row {
        Framing framing;
        HttpVersion client;
        bool announced;
    };
    for (const auto& [framing, client, announced] :
         {Row{{BodyKind::chunked}, HttpVersion::http1_1, true}, Row{{BodyKind::length, 5}, HttpVersion::http1_1, false},
          Row{{BodyKind::none}, HttpVersion::http1_1, false}, Row{{BodyKind::until_close}, HttpVersion::http1_0, false},
          Row{{BodyKind::until_close}, HttpVersion::http2, true}, Row{{BodyKind::length, 5}, HttpVersion::http2, true},
          Row{{BodyKind::none}, HttpVersion::http2, false}})
        CHECK(has(answered(head, {.framing = framing, .client = client}), "Trailer: X-Sum\r\n") == announced);
    CHECK_FALSE(has(answered("HTTP/1.1 103 Early\r\nTrailer: x\r\n\r\n", {}), "Trailer"));
}

TEST_CASE("naming weir's own headers in Connection does not remove them") {
    const auto text = get("Connection: X-Forwarded-For, Host\r\nX-Forwarded-For: 1.2.3.4\r\n");
    CHECK(has(text, "X-Forwarded-For: 10.9.8.7\r\n"));
    CHECK(has(text, "Host: a\r\n"));
    CHECK_FALSE(has(text, "1.2.3.4"));
}

TEST_CASE("X-Forwarded headers are used from trusted proxies only") {
    const std::string request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n"
                                "X-Forwarded-Host: shop\r\nForwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\n\r\n";
    const auto untrusted = rewritten(request);
    CHECK(
        has(untrusted,
            "X-Forwarded-For: 10.9.8.7\r\nX-Real-IP: 10.9.8.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"));
    CHECK_FALSE(has(untrusted, "1.2.3.4"));
    const auto trusted = rewritten(request, Trust::trusted);
    CHECK(has(trusted, "X-Forwarded-For: 1.2.3.4, 10.9.8.7\r\n"));
    CHECK(has(trusted, "X-Forwarded-Proto: https\r\n"));
    CHECK(has(trusted, "X-Forwarded-Host: shop\r\n"));
    CHECK_FALSE(has(trusted, "X-Forwarded-Proto: http\r\n"));
}

TEST_CASE("X-Real-IP is the client's address, once, whatever the client sends") {
    for (const auto trust : {Trust::untrusted, Trust::trusted}) {
        const auto text = rewritten("GET / HTTP/1.1\r\nHost: a\r\nX-Real-IP: 1.1.1.1\r\nx-real-ip: 2.2.2.2\r\n"
                                    "X_Real_IP: 3.3.3.3\r\nX_REAL-ip: 4.4.4.4\r\n\r\n",
                                    trust);
        CHECK(has(text, "X-Real-IP: 10.9.8.7\r\n"));
        for (const char* forged : {"1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"}) CHECK_FALSE(has(text, forged));
    }
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
                                {{{"X-Api", "v1"}}, {}, {"x-debug"}});
    CHECK(has(text, "X-Api: v1\r\n"));
    CHECK_FALSE(has(text, "client"));
    CHECK_FALSE(has(text, "X-Debug"));
}

TEST_CASE("variables are filled in, and an empty value is not sent") {
    for (const auto& [value, written] : {std::pair{"{client_ip}", "X: 10.9.8.7\r\n"},
                                         {"<{client_ip}|{host}>", "X: <10.9.8.7|a>\r\n"},
                                         {"{scheme}", "X: http\r\n"},
                                         {"{tls_version}{client_cert_subject}", ""},
                                         {"v{tls_version}", "X: v\r\n"},
                                         {"{{host}}", "X: {a}\r\n"},
                                         {R"({"a": {}, "b": "{host"})", "X: {\"a\": {}, \"b\": \"{host\"}\r\n"},
                                         {"{Host} {host }", "X: {Host} {host }\r\n"},
                                         {"{", "X: {\r\n"}}) {
        INFO(value);
        const auto out =
            rewritten("GET / HTTP/1.1\r\nHost: a:80\r\nX: forged\r\n\r\n", Trust::untrusted, {{{"X", value}}, {}, {}});
        CHECK(count(out, "X:") == (std::string(written).empty() ? 0 : 1));
        CHECK(has(out, written));
    }
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

TEST_CASE("a response is rewritten") {
    using enum weir::conf::HttpVersion;
    CHECK(answered("HTTP/1.1 200 Fine\r\nServer: x\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n",
                   {{BodyKind::length, 5}}) == "HTTP/1.1 200 Fine\r\nServer: x\r\nContent-Length: 5\r\n\r\n");
    CHECK(has(answered("HTTP/1.0 200 OK\r\n\r\n", {{BodyKind::chunked}}), "Transfer-Encoding: chunked\r\n"));
    CHECK(has(
        answered("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", {{BodyKind::length, 5}, http1_1, Connection::close}),
        "Connection: close\r\n"));
    CHECK(has(answered("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", {{BodyKind::length, 5}, http1_0}),
              "Connection: keep-alive\r\n"));
    CHECK(
        has(answered("HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n", {{BodyKind::none, 5}}), "Content-Length: 5\r\n"));
    CHECK_FALSE(has(answered("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", {}), "Content-Length"));
    CHECK(has(answered("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
                       {{}, http1_1, Connection::close, "websocket"}),
              "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
}

TEST_CASE("a field that a route sets arrives once, under every CGI alias") {
    // An alias is a spelling that a CGI backend reads as the same name.
    for (const std::string alias : {"X-Api", "X_Api", "x_api", "X.Api", "X!Api", "X~API", "x-API"}) {
        INFO(alias);
        const auto text =
            rewritten("GET / HTTP/1.1\r\nHost: a\r\n" + alias + ": client\r\nX-Apis: 1\r\nXApi: 2\r\n\r\n",
                      Trust::trusted, {{{"X-Api", "v1"}}, {}});
        CHECK_FALSE(has(text, "client"));
        CHECK(count(text, "X-Api: v1\r\n") == 1);
        CHECK(has(text, "X-Apis: 1\r\n"));
        CHECK(has(text, "XApi: 2\r\n"));
        CHECK_FALSE(has(rewritten("GET / HTTP/1.1\r\nHost: a\r\n" + alias + ": client\r\n\r\n", Trust::untrusted,
                                  {{}, {}, {"x_Api"}}),
                        "client"));
    }
}

TEST_CASE("a route's value takes the place of the one that weir sets itself") {
    for (const auto trust : {Trust::untrusted, Trust::trusted}) {
        for (const char* name : {"X-Forwarded-For", "X-Forwarded-Proto", "x-forwarded-host", "X_Forwarded_Proto",
                                 "X-Real-IP", "Forwarded"}) {
            INFO(name);
            const auto text = rewritten(
                std::string("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: client\r\n"
                            "X-Forwarded-Host: client\r\nX-Real-IP: client\r\nForwarded: client\r\n\r\n"),
                trust, {{{name, "mine"}}, {}});
            const auto wanted = lower_dashed(name);
            CHECK(count(lower_dashed(text), "\r\n" + wanted + ": ") == 1);
            CHECK(has(text, std::string(name) + ": mine\r\n"));
            const auto without = rewritten("GET / HTTP/1.1\r\nHost: a\r\n\r\n", trust, {{}, {}, {name}});
            CHECK_FALSE(has(lower_dashed(without), "\r\n" + wanted + ": "));
            CHECK(count(without, "X-Forwarded-") == (wanted.starts_with("x-forwarded-") ? 2 : 3));
        }
    }
}

TEST_CASE("empty or repeated X-Forwarded fields of a proxy are forwarded once") {
    const auto text =
        rewritten("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto:\r\nX-Forwarded-Host: b\r\nX-Forwarded-Host: c\r\n"
                  "Connection: X-Forwarded-Host\r\n\r\n",
                  Trust::trusted);
    CHECK(count(text, "X-Forwarded-Proto: ") == 1);
    CHECK(has(text, "X-Forwarded-Proto: http\r\n"));
    CHECK(count(text, "X-Forwarded-Host: ") == 1);
    CHECK(has(text, "X-Forwarded-Host: b\r\n"));
}

TEST_CASE("a field that Connection names is dropped in every spelling") {
    const auto text =
        get("X-Gone: 1\r\nx_gone: 2\r\nConnection: keep-alive, X-GONE ,, x-other\r\nX-Gone: 3\r\nConnection: Other\r\n"
            "Other: 4\r\nX-Stays: 5\r\n");
    for (const char* gone : {"X-Gone", "x_gone", "Other", "Connection"}) CHECK_FALSE(has(text, gone));
    CHECK(has(text, "X-Stays: 5\r\n"));
}

TEST_CASE("an upgrade with Content-Length: 0 is an upgrade") {
    const auto text = rewritten(
        "POST /attach HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n");
    CHECK(has(text, "Content-Length: 0\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"));
    CHECK_FALSE(has(
        rewritten(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nTransfer-Encoding: chunked\r\n\r\n"),
        "pgrade"));
}

TEST_CASE("Expect is forwarded once, and only what weir understands") {
    const auto expectation = [](const std::string& fields) {
        const auto text = "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"; // the head points into it
        RequestHead head;
        REQUIRE(parse_request(text, {}, head).status == HeadStatus::complete);
        return expectation_of(head.fields);
    };
    CHECK(expectation("") == Expectation::none);
    CHECK(expectation("Expect:\r\n") == Expectation::none);
    CHECK(expectation("Expect: 100-Continue\r\n") == Expectation::go_ahead);
    CHECK(expectation("Expect: 100-continue\r\nExpect: 100-continue\r\n") == Expectation::go_ahead);
    for (const char* fields :
         {"Expect: x\r\n", "Expect: 100-continue\r\nExpect: x\r\n", "Expect: x\r\nExpect: 100-continue\r\n",
          "Expect: 100-continue, x\r\n", "Expect:\r\nExpect: x\r\n"})
        CHECK(expectation(fields) == Expectation::unsupported);
    CHECK(count(get("Expect: 100-continue\r\nexpect: 100-continue\r\n"), "Expect: 100-continue\r\n") == 1);
    CHECK_FALSE(
        has(rewritten("POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"), "xpect"));
}

TEST_CASE("a final response gets a Date if it has none, and 426 keeps its Upgrade") {
    const std::string_view date = "Sun, 06 Nov 1994 08:49:37 GMT";
    ResponsePlan plan{{BodyKind::length, 0}};
    plan.date = date;
    const auto dated = answered("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", plan);
    CHECK(has(dated, "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
    CHECK_FALSE(has(answered("HTTP/1.1 200 OK\r\ndate: yesterday\r\nContent-Length: 0\r\n\r\n", plan), "1994"));
    CHECK_FALSE(has(answered("HTTP/1.1 103 Early Hints\r\n\r\n",
                             {{}, weir::conf::HttpVersion::http1_1, Connection::keep, {}, {}, date}),
                    "1994"));
    plan.connection = Connection::close;
    const auto required = answered(
        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: TLS/1.0\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n", plan);
    CHECK(has(required, "\r\nUpgrade: TLS/1.0\r\n"));
    CHECK(count(required, "Connection: Upgrade, close\r\n") == 1);
    CHECK_FALSE(
        has(answered("HTTP/1.1 200 OK\r\nUpgrade: h2,h2c\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n", plan),
            "pgrade"));
}

TEST_CASE("control bytes of a backend become spaces, a repeated length is one") {
    const auto text =
        answered("HTTP/1.1 200 O\x01K\r\nA: \x02 b\x7f\x1b[2Jc \x03\r\nB: d\r\nC: \x04\r\nContent-Length: 5\r\n\r\n",
                 {{BodyKind::length, 5}});
    CHECK(text == "HTTP/1.1 200 O K\r\nA: b  [2Jc\r\nB: d\r\nC: \r\nContent-Length: 5\r\n\r\n");
    CHECK(answered("HTTP/1.1 304 Not\r\nContent-Length: 5, 5\r\nContent-Length: 5\r\n\r\n", {{BodyKind::none, 5}}) ==
          "HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n");
}

TEST_CASE("a route edits the headers of a response") {
    const weir::conf::HeaderEdit edit{{{"X-Frame-Options", "DENY"}}, {{"Vary", "{host}"}}, {"server"}};
    const HeadEdit changes{edit, {.host = "a.example"}};
    ResponsePlan plan{{BodyKind::length, 0}};
    plan.edit = &changes;
    const std::string fields = "Server: x\r\nx-frame-options: ALLOW\r\nVary: Accept\r\nContent-Length: 0\r\n\r\n";
    CHECK(answered("HTTP/1.1 200 OK\r\n" + fields, plan) ==
          "HTTP/1.1 200 OK\r\nVary: Accept\r\nX-Frame-Options: DENY\r\nVary: a.example\r\nContent-Length: 0\r\n\r\n");
    CHECK(has(answered("HTTP/1.1 103 Early Hints\r\nServer: x\r\n\r\n", plan), "Server: x")); // only the final response
}

TEST_CASE("the paths in a response are mapped before a route changes its headers") {
    weir::conf::PathRewrite rules;
    rules.add_prefix = "/v1";
    const ResponsePathMapper mapper(rules);
    const ResponseMapping mapping{mapper, {"https", "a", "http", "b"}};
    ResponsePlan plan{{BodyKind::length, 0}};
    plan.mapping = &mapping;
    plan.cookie = "own=1; Path=/v1";
    const std::string head = "HTTP/1.1 302 Found\r\nlocation:  http://b/v1/x \r\nSet-Cookie: c=d; Path=/v1/y\r\n";
    const auto mapped = answered(head + "X: /v1\r\n\r\n", plan);
    CHECK(has(mapped, "\r\nlocation: /x\r\nSet-Cookie: c=d; Path=/y\r\nX: /v1\r\n"));
    CHECK(has(mapped, "\r\nSet-Cookie: own=1; Path=/v1\r\n"));
    CHECK(has(answered(head + "Refresh: 1\x01; url=/v1/\x02z\r\n\r\n", plan), "\r\nRefresh: 1 ; url=/v1/ z\r\n"));
    CHECK(has(answered(head + "Content-Location: /v1/y\x02z\r\n\r\n", plan), "\r\nContent-Location: /y z\r\n"));
    const weir::conf::HeaderEdit edit{{{"Location", "/v1/own"}}, {}, {}};
    const HeadEdit changes{edit, {}};
    plan.edit = &changes;
    const auto edited = answered(head + "\r\n", plan);
    CHECK(has(edited, "\r\nLocation: /v1/own\r\n"));
    CHECK_FALSE(has(edited, "https://a/x"));
}

TEST_CASE("replaced fields take the place of the client's and of weir's own", "[rewrite]") {
    RequestHead head;
    const std::string bytes = "GET /x HTTP/1.1\r\nHost: a\r\nX_User: root\r\nx.user: root\r\nX-Real-IP: 1.1.1.1\r\n"
                              "X-Kept: 1\r\nExpect: 100-continue\r\n\r\n";
    REQUIRE(parse_request(bytes, {}, head).status == HeadStatus::complete);
    const std::vector<std::string> names{"X-User", "X-Group", "X-Real-IP", "X-Request-Id"};
    const std::vector<std::pair<std::string, std::string>> fields{
        {"X-User", "ann"}, {"X-Real-IP", "9.9.9.9"}, {"X-Request-Id", "theirs"}};
    const ReplacedFields replaced{names, fields};
    ClientFacts facts{"10.9.8.7", Trust::untrusted, "http"};
    facts.request_id = "own";
    facts.method = "POST";
    facts.path = "/y";
    facts.expect = ExpectField::left_out;
    BufferPool pool(64, 4);
    Buffer out(pool);
    write_request(out, head, {}, facts, {}, nullptr, &replaced);
    CHECK(out.view() == "POST /y HTTP/1.1\r\nHost: a\r\nX-Kept: 1\r\nX-Forwarded-For: 10.9.8.7\r\n"
                        "X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nX-User: ann\r\nX-Real-IP: 9.9.9.9\r\n"
                        "X-Request-Id: theirs\r\n\r\n");
}
