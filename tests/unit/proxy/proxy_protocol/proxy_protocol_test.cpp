#include "tests/catch.h"

#include "proxy/proxy_protocol/proxy_protocol.h"

#include <string>

using namespace weir;
using namespace weir::proxy::tcp;
using Status = ProxyHeaderStatus;

namespace {

const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string v2(char command, char family, const std::string& rest) {
    return signature + command + family + static_cast<char>(rest.size() >> 8) + static_cast<char>(rest.size()) + rest;
}

const std::string four("\x01\x02\x03\x04\x05\x06\x07\x08\x10\x00\x00\x50", 12); // 1.2.3.4:4096 to 5.6.7.8:80

} // namespace

TEST_CASE("a version 1 line has source and destination") {
    const std::string line = "PROXY TCP4 1.2.3.4 5.6.7.8 4096 80\r\n";
    const auto header = parse_proxy_header(line + "GET");
    REQUIRE(header.status == Status::complete);
    CHECK(header.length == line.size());
    CHECK(header.origin == ProxyOrigin::client);
    CHECK(header.source.text() == "1.2.3.4:4096");
    CHECK(header.destination.text() == "5.6.7.8:80");
    CHECK(parse_proxy_header("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n").source.text() == "[2001:db8::1]:1");
}

TEST_CASE("an unknown sender differs from a proxy's own connection") {
    CHECK(parse_proxy_header("PROXY UNKNOWN\r\n").origin == ProxyOrigin::unknown);
    CHECK(parse_proxy_header("PROXY UNKNOWN ffff:f::f ::1 65535 65535\r\n").origin == ProxyOrigin::unknown);
    CHECK(parse_proxy_header(v2('\x20', '\0', "")).origin == ProxyOrigin::proxy);
    CHECK(parse_proxy_header(v2('\x20', '\x7f', "whatever")).length == 24);
    CHECK(parse_proxy_header(v2('\x21', '\0', "whatever")).origin == ProxyOrigin::unknown);
    CHECK(parse_proxy_header(v2('\x21', '\x31', std::string(216, 'x'))).origin == ProxyOrigin::unknown);
}

TEST_CASE("a version 2 header has source and destination, and may carry more") {
    const auto plain = v2('\x21', '\x11', four);
    const auto header = parse_proxy_header(plain + "GET");
    REQUIRE(header.status == Status::complete);
    CHECK(header.length == plain.size());
    CHECK(header.source.text() == "1.2.3.4:4096");
    CHECK(header.destination.text() == "5.6.7.8:80");
    CHECK(parse_proxy_header(v2('\x21', '\x21', std::string(36, '\1'))).source.family() == AF_INET6);
    CHECK(parse_proxy_header(v2('\x21', '\x11', four + std::string("\x02\x00\x01x", 4))).status == Status::complete);
}

TEST_CASE("a checksum must be right") {
    // The CRC-32C of this header with zeros in place of the checksum.
    auto header = v2('\x21', '\x11', four + std::string("\x03\x00\x04\x00\x00\x00\x00", 7));
    CHECK(parse_proxy_header(header).status == Status::refused);
    const auto right = std::string("\xff\x6e\xf0\x1a", 4);
    header.replace(header.size() - 4, 4, right);
    CHECK(parse_proxy_header(header).status == Status::complete);
}

TEST_CASE("what the PROXY protocol does not allow is refused") {
    for (const std::string bad :
         {"GET / HTTP/1.1\r\n", "proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
          "PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n",
          "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n", "PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n",
          "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n",
          "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n",
          "PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rX",
          "PROXY UNKNOWNX\r\n"}) {
        INFO(bad);
        CHECK(parse_proxy_header(bad).status == Status::refused);
    }
    CHECK(parse_proxy_header("PROXY UNKNOWN " + std::string(100, 'x') + "\r\n").status == Status::refused);
    CHECK(parse_proxy_header(v2('\x22', '\x11', four)).status == Status::refused);
    CHECK(parse_proxy_header(v2('\x11', '\x11', four)).status == Status::refused);
    CHECK(parse_proxy_header(v2('\x21', '\x12', four)).status == Status::refused); // UDP
    CHECK(parse_proxy_header(v2('\x21', '\x11', four.substr(1))).status == Status::refused);
    CHECK(parse_proxy_header(v2('\x21', '\x11', four + "\x02")).status == Status::refused);
    CHECK(parse_proxy_header(v2('\x21', '\x11', four + std::string("\x02\x00\x02x", 4))).status == Status::refused);
    CHECK(parse_proxy_header(v2('\x21', '\x11', four + std::string(20000, 'x'))).status == Status::refused);
}

TEST_CASE("every beginning of a PROXY header waits for more") {
    for (const auto& whole : {std::string("PROXY TCP4 1.2.3.4 5.6.7.8 4096 80\r\n"), v2('\x21', '\x11', four)})
        for (std::size_t size = 0; size < whole.size(); ++size) {
            INFO(size);
            CHECK(parse_proxy_header(whole.substr(0, size)).status == Status::incomplete);
        }
}

TEST_CASE("a PROXY header that is written is read as the same addresses") {
    for (const auto& [from, to] : {std::pair{"1.2.3.4:5", "6.7.8.9:10"}, std::pair{"[2001:db8::1]:65535", "[::1]:1"}})
        for (const auto version : {conf::ProxyProtocol::v1, conf::ProxyProtocol::v2}) {
            char out[longest_written_proxy_header];
            const auto source = *conf::Address::parse(from), destination = *conf::Address::parse(to);
            const auto header = parse_proxy_header({out, write_proxy_header(out, version, source, destination)});
            CHECK(header.origin == ProxyOrigin::client);
            CHECK(header.source == source);
            CHECK(header.destination == destination);
            const auto unknown = parse_proxy_header({out, write_proxy_header(out, version, source, {})});
            CHECK(unknown.status == Status::complete);
            CHECK(unknown.origin == ProxyOrigin::unknown);
        }
}
