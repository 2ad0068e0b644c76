#include "conf/read/load.h"
#include "tests/catch.h"

#include <optional>

using namespace weir::conf;

namespace {

// Returns the errors of a pool with this health check, one per line. `more` has further lines of the pool.
std::string probe_errors_of(const std::string& check, const std::string& backend = "\"127.0.0.1:9001\"",
                            const std::string& more = "") {
    const auto text = "listeners: {web: {address: \"127.0.0.1:8080\", pool: web}}\npools:\n  web:\n    backends: [" +
                      backend + "]\n    health_check: {" + check + "}\n" + more;
    std::string out;
    for (const auto& error : load_text(text, "weir.yaml", [](const auto&) { return std::nullopt; }).errors)
        out += error.text() + "\n";
    return out;
}

} // namespace

TEST_CASE("a health check may ask in any way that HTTP knows") {
    CHECK(probe_errors_of(
              "method: HEAD, host: \"app.example.com:8443\", headers: {X-Probe: \"1\", Authorization: Bearer x}")
              .empty());
    CHECK(probe_errors_of("method: POST, expect_body: \"\\\"ready\\\": true\", expect_status: [200]").empty());
    CHECK(probe_errors_of("host: \"[::1]:80\"").empty());
    CHECK(probe_errors_of("type: grpc").empty());
    CHECK(probe_errors_of("type: grpc, service: shop.v1.Orders, host: \"shop.example.com:443\", port: 9002").empty());
    CHECK(probe_errors_of("type: tcp", "{address: \"127.0.0.1:9001\", health_check_port: 9002}").empty());
}

TEST_CASE("a health check that cannot work is refused with place and remedy") {
    struct Row {
        const char *check, *error;
    };
    const Row rows[] = {
        {"method: \"G ET\"", "pools.web.health_check.method: \"G ET\" is not a method"},
        {"method: \"\"", "pools.web.health_check.method: \"\" is not a method"},
        {"method: get", "write it in upper case, such as GET"},
        {"method: CONNECT", "CONNECT opens a tunnel"},
        {"host: \"a b\"", "pools.web.health_check.host: \"a b\" is not a host"},
        {"host: \"a\\r\\nX: y\"", "is not a host"},
        {"headers: {Host: x}", "pools.web.health_check.headers.Host: write it as \"host\" of the health check"},
        {"headers: {content-length: \"3\"}", "weir sets this header itself"},
        {"headers: {Transfer-Encoding: chunked}", "weir sets this header itself"},
        {"headers: {Connection: keep-alive}", "weir sets this header itself"},
        {"headers: {\"a b\": x}", "\"a b\" is not a header name"},
        {"headers: {X: \"a\\r\\nY: b\"}", "one line without control characters"},
        {"headers: {X-A: \"1\", x-a: \"2\"}", "duplicate: header names"},
        {"method: HEAD, expect_body: ok", "the response to a HEAD has no body: use method: GET"},
        {"expect_status: []", "no status would count as healthy: list at least one"},
        {"path: \"/a b\"", "a path begins with \"/\" and has no spaces"},
        {"type: tcp, path: /x", "pools.web.health_check.path: has no effect without type: http"},
        {"type: tcp, method: HEAD", "pools.web.health_check.method: has no effect without type: http"},
        {"type: heartbeat, host: a", "pools.web.health_check.host: has no effect without type: http or grpc"},
        {"type: grpc, host: a/b", "pools.web.health_check.host: \"a/b\" is not a host"},
        {"type: grpc, path: /x", "pools.web.health_check.path: has no effect without type: http"},
        {"type: grpc, method: HEAD", "pools.web.health_check.method: has no effect without type: http"},
        {"type: grpc, headers: {X: a}", "pools.web.health_check.headers: has no effect without type: http"},
        {"type: grpc, expect_body: a", "pools.web.health_check.expect_body: has no effect without type: http"},
        {"type: grpc, expect_status: [200]", "pools.web.health_check.expect_status: has no effect without type: http"},
        {"type: grpc, mode: push, token_file: /t", "pools.web.health_check.mode: only type: heartbeat can be pushed"},
        {"type: grpc, token_file: /t", "pools.web.health_check.token_file: has no effect without mode: push"},
        {"type: grpc, service: \"a\\nb\"", "pools.web.health_check.service: the name of a service has no control"},
        {"service: shop", "pools.web.health_check.service: has no effect without type: grpc"},
        {"type: tcp, service: shop", "pools.web.health_check.service: has no effect without type: grpc"},
        {"type: heartbeat, headers: {X: a}", "pools.web.health_check.headers: has no effect without type: http"},
        {"type: tcp, expect_body: a", "pools.web.health_check.expect_body: has no effect without type: http"},
        {"type: tcp, expect_status: [200]", "pools.web.health_check.expect_status: has no effect without type: http"},
        {"type: heartbeat, mode: push, token_file: /t, port: 3", "pools.web.health_check.port: has no effect"},
        {"interval: 1s, timeout: 2s", "longer than the interval"},
        {"type: heartbeat, interval: 365d, fall: 2", "pools.web.health_check.fall: interval × fall is how long"},
        {"type: heartbeat, mode: push, token_file: /t, interval: 100d, fall: 1000", "at most 365d"},
    };
    for (const auto& row : rows) {
        INFO(row.check);
        CHECK_THAT(probe_errors_of(row.check), Catch::Contains(row.error) && Catch::Contains("weir.yaml:5:"));
    }
    CHECK_THAT(probe_errors_of("type: grpc, service: " + std::string(1025, 'x')),
               Catch::Contains("at most 1024 bytes"));
    CHECK_THAT(probe_errors_of("expect_body: \"" + std::string(1025, 'x') + "\""),
               Catch::Contains("at most 1024 bytes"));
}

TEST_CASE("a port of a backend's own for a check that asks no port is refused") {
    const std::string backend = "{address: \"127.0.0.1:9001\", health_check_port: 9002}";
    CHECK_THAT(probe_errors_of("type: heartbeat, mode: push, token_file: /t", backend),
               Catch::Contains("pools.web.backends[0].health_check_port: has no effect with mode: push"));
}

TEST_CASE("a check over HTTP/2 must not have headers of a connection") {
    const auto errors_of = [](const std::string& header, const std::string& protocol) {
        return probe_errors_of("headers: {" + header + ": x}", "\"127.0.0.1:9001\"",
                               "    protocol: " + protocol + "\n");
    };
    for (const std::string header : {"Keep-Alive", "Proxy-Connection", "TE", "HTTP2-Settings"}) {
        CHECK_THAT(errors_of(header, "http2"),
                   Catch::Contains("pools.web.health_check.headers." + header + ": HTTP/2 has no such header") &&
                       Catch::Contains("weir.yaml:5:"));
        CHECK(errors_of(header, "http1").empty());
    }
    CHECK(errors_of("X-Probe", "http2").empty());
}
