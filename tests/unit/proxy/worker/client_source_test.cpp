#include "proxy/worker/client_source.h"
#include "tests/catch.h"

#include <vector>

using namespace weir;
using namespace weir::proxy;

namespace {

const auto balancer_address = *conf::Address::parse("10.0.0.5:99");
const auto client_address = *conf::Address::parse("192.0.2.1:4000");
const auto site = *conf::Address::parse("198.51.100.1:443");

conf::AddressBlocks trusted() {
    const std::vector blocks{*conf::Cidr::parse("10.0.0.0/8")};
    return conf::AddressBlocks(blocks);
}

tcp::ProxyHeader header(tcp::ProxyOrigin origin) {
    tcp::ProxyHeader header;
    header.origin = origin;
    header.source = client_address;
    header.destination = site;
    return header;
}

} // namespace

TEST_CASE("without a PROXY header, the peer is the client") {
    const ClientSource source(balancer_address);
    CHECK(source.ip == "10.0.0.5");
    CHECK(source.peer() == "10.0.0.5");
    CHECK(source.speaks_for_others(trusted()));
    CHECK_FALSE(source.speaks_for_others({}));
}

TEST_CASE("a PROXY header names the client, and the peer stays known") {
    ClientSource source(balancer_address);
    source.take(header(tcp::ProxyOrigin::client));
    CHECK(source.ip == "192.0.2.1");
    CHECK(source.address == client_address);
    CHECK(source.destination == site);
    CHECK(source.peer() == "10.0.0.5");
    CHECK_FALSE(source.speaks_for_others(trusted())); // the client is not a trusted proxy
}

TEST_CASE("a proxy's own health check is the proxy itself") {
    ClientSource source(balancer_address);
    source.take(header(tcp::ProxyOrigin::proxy));
    CHECK(source.address == balancer_address);
    CHECK(source.speaks_for_others(trusted()));
}

TEST_CASE("a client with an unknown address is not the trusted proxy") {
    ClientSource source(balancer_address);
    source.take(header(tcp::ProxyOrigin::unknown));
    CHECK(source.address == balancer_address);
    CHECK_FALSE(source.speaks_for_others(trusted()));
}
