#include "conf/model/address.h"
#include "conf/model/endpoint.h"
#include "tests/catch.h"

#include <sys/un.h>

using namespace weir::conf;

TEST_CASE("addresses are IP:port") {
    for (const char* text : {"127.0.0.1:80", "0.0.0.0:65535", "[::1]:8080", "[2001:db8::1]:1"}) {
        CHECK(Address::parse(text)->text() == text);
    }
    for (const char* text :
         {"", "80", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:080", "::1:80",
          "[127.0.0.1]:80", "localhost:80", "1.2.3:80", "127.0.0.1:80 ", "[::1]"}) {
        INFO(text);
        CHECK_FALSE(Address::parse(text));
    }
}

TEST_CASE("a socket address goes there and back") {
    for (const char* text : {"10.1.2.3:4567", "[fe80::1]:99"}) {
        const auto address = *Address::parse(text);
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
        INFO(row.block << " " << row.address);
        CHECK(Cidr::parse(row.block)->contains(*Address::parse(row.address)) == row.inside);
    }
    for (const char* text : {"10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/-1", "x"}) CHECK_FALSE(Cidr::parse(text));
}

TEST_CASE("a backend's address is an IP or a host name, with a port") {
    CHECK(BackendAddress::parse("10.0.0.1:80")->ip.is_set());
    CHECK(BackendAddress::parse("[::1]:80")->text() == "[::1]:80");
    const auto named = *BackendAddress::parse("App-1.my_net.internal:8080");
    CHECK(named.text() == "app-1.my_net.internal:8080");
    CHECK(named.is_name());
    CHECK(BackendAddress::parse("localhost:1")->is_name());
    for (const char* text : {"app", "app:0", "app:65536", "app:08", ":80", "a..b:80", "-a:80", "a-:80", "10.0.0.256:80",
                             "1.2.3:80", "300:80", "a b:80", "a/b:80", "::1:80", "app:", ".:80"}) {
        INFO(text);
        CHECK_FALSE(BackendAddress::parse(text));
    }
}

TEST_CASE("a unix socket backend has an absolute path and a name without spaces") {
    const auto address = *BackendAddress::parse("unix:/run/app/1.sock");
    CHECK(address.is_set());
    CHECK((address.is_unix() && !address.is_name()));
    CHECK(address.text() == "unix:/run/app/1.sock");
    CHECK(address.default_name() == "1.sock");
    const auto longest = "unix:/" + std::string(max_socket_path - 1, 'x');
    for (const auto& bad : {std::string("unix:"), std::string("unix:app.sock"), std::string("unix:/"),
                            std::string("unix:/run/"), std::string("unix:/a b"), longest + "x"}) {
        INFO(bad);
        CHECK(BackendAddress::parse(bad).error().message().find("\"unix:/absolute/path\"") != std::string::npos);
    }
    CHECK(BackendAddress::parse(longest)->text() == longest);
}

TEST_CASE("the socket address of an endpoint is its path or its IP address") {
    sockaddr_storage raw{};
    const auto socket = Endpoint::at_socket("/run/app.sock");
    CHECK(socket.to_sockaddr(raw) == sizeof(sockaddr_un));
    CHECK(raw.ss_family == AF_UNIX);
    CHECK(reinterpret_cast<const sockaddr_un&>(raw).sun_path == std::string("/run/app.sock"));
    CHECK(socket.authority() == "localhost");
    const Endpoint ip = *Address::parse("127.0.0.1:80");
    CHECK(ip.to_sockaddr(raw) == sizeof(sockaddr_in));
    CHECK(raw.ss_family == AF_INET);
    CHECK(ip.authority() == "127.0.0.1:80");
}
