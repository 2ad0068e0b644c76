#include "conf/address.h"
#include "tests/catch.h"

using namespace weir::conf;

TEST_CASE("addresses are IP:port") {
    for (const char* text : {"127.0.0.1:80", "0.0.0.0:65535", "[::1]:8080", "[2001:db8::1]:1"}) {
        std::string why;
        CHECK(Address::parse(text, why).text() == text);
        CHECK(why.empty());
    }
    for (const char* text :
         {"", "80", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:080", "::1:80",
          "[127.0.0.1]:80", "localhost:80", "1.2.3:80", "127.0.0.1:80 ", "[::1]"}) {
        std::string why;
        Address::parse(text, why);
        INFO(text);
        CHECK_FALSE(why.empty());
    }
}

TEST_CASE("a socket address goes there and back") {
    for (const char* text : {"10.1.2.3:4567", "[fe80::1]:99"}) {
        std::string why;
        const auto address = Address::parse(text, why);
        sockaddr_storage raw;
        address.to_sockaddr(raw);
        CHECK(Address::from(reinterpret_cast<const sockaddr*>(&raw)) == address);
    }
}

TEST_CASE("blocks of addresses contain what their prefix says") {
    struct Row {
        const char *block, *address;
        bool inside;
    };
    const Row rows[] = {{"10.0.0.0/8", "10.255.1.2:1", true},
                        {"10.0.0.0/8", "11.0.0.1:1", false},
                        {"192.168.1.128/25", "192.168.1.200:1", true},
                        {"192.168.1.128/25", "192.168.1.100:1", false},
                        {"127.0.0.1", "127.0.0.1:1", true},
                        {"127.0.0.1", "127.0.0.2:1", false},
                        {"0.0.0.0/0", "8.8.8.8:1", true},
                        {"0.0.0.0/0", "[::1]:1", false},
                        {"fd00::/8", "[fd12::1]:1", true},
                        {"10.0.0.0/8", "[::ffff:10.1.1.1]:1", true}};
    for (const auto& row : rows) {
        std::string why;
        INFO(row.block << " " << row.address);
        CHECK(Cidr::parse(row.block, why).contains(Address::parse(row.address, why)) == row.inside);
        CHECK(why.empty());
    }
    for (const char* text : {"10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/-1", "x"}) {
        std::string why;
        Cidr::parse(text, why);
        CHECK_FALSE(why.empty());
    }
}

TEST_CASE("a backend's address is an IP or a host name, with a port") {
    std::string why;
    CHECK(BackendAddress::parse("10.0.0.1:80", why).ip.is_set());
    CHECK(BackendAddress::parse("[::1]:80", why).text() == "[::1]:80");
    const auto named = BackendAddress::parse("App-1.my_net.internal:8080", why);
    CHECK(named.text() == "app-1.my_net.internal:8080");
    CHECK(named.is_name());
    CHECK(BackendAddress::parse("localhost:1", why).is_name());
    CHECK(why.empty());
    for (const char* text : {"app", "app:0", "app:65536", "app:08", ":80", "a..b:80", "-a:80", "a-:80", "10.0.0.256:80",
                             "1.2.3:80", "300:80", "a b:80", "a/b:80", "::1:80", "app:", ".:80"}) {
        INFO(text);
        why.clear();
        BackendAddress::parse(text, why);
        CHECK_FALSE(why.empty());
    }
}
