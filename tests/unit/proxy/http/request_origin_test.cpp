#include "proxy/http/request_origin.h"
#include "tests/catch.h"

#include <string>

using namespace weir;
using namespace weir::proxy::http;

namespace {

const auto proxy_address = *conf::Address::parse("10.0.0.5:99");
const std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6, 192.0.2.1\r\n\r\n";

RequestOrigin origin(const std::string& request, Trust trust) {
    RequestHead head;
    REQUIRE(parse_request(request, {}, head).status == HeadStatus::complete);
    return find_origin({proxy_address, "10.0.0.5", trust}, head, {});
}

} // namespace

TEST_CASE("a trusted proxy names the client, and another peer is the client") {
    CHECK(origin(bytes, Trust::trusted).client_ip() == "192.0.2.1");
    CHECK(origin(bytes, Trust::trusted).address.ip_text() == "192.0.2.1");
    CHECK(origin(bytes, Trust::trusted).peer_ip == "10.0.0.5");
    CHECK(origin(bytes, Trust::untrusted).client_ip() == "10.0.0.5");
    CHECK(origin(bytes, Trust::untrusted).address == proxy_address);
}

TEST_CASE("a trusted proxy that names no client counts as the client") {
    const auto found = origin("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Trust::trusted);
    CHECK(found.client_ip() == "10.0.0.5");
    CHECK(found.address == proxy_address);
}

TEST_CASE("a refused request has an origin, too") {
    const std::string illegal = "GET / HTTP/1.1\r\nBad\x01: 1\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n";
    const auto found = [&](Trust trust) {
        return find_refused_origin({proxy_address, "10.0.0.5", trust}, illegal, {});
    };
    CHECK(found(Trust::trusted).client_ip() == "192.0.2.1");
    CHECK(found(Trust::untrusted).client_ip() == "10.0.0.5");
}
