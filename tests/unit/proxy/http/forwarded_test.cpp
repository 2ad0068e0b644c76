#include "proxy/http/forwarded.h"
#include "tests/catch.h"

#include <string>
#include <vector>

using namespace weir::proxy::http;
using weir::conf::AddressBlocks;
using weir::conf::Cidr;

namespace {

const AddressBlocks& trusted() {
    static const AddressBlocks blocks = [] {
        return AddressBlocks(std::vector{*Cidr::parse("10.0.0.0/8"), *Cidr::parse("fd00::/8")});
    }();
    return blocks;
}

std::string text_of(const std::optional<weir::conf::Address>& address) {
    return address ? address->ip_text() : "the peer";
}

// Returns the client that sent a request with these fields.
std::string client_of(const std::string& fields) {
    const auto text = "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"; // the head points into it
    RequestHead head;
    REQUIRE(parse_request(text, {}, head).status == HeadStatus::complete);
    return text_of(find_client(head, trusted()));
}

std::string through(const std::string& chain) { return client_of("X-Forwarded-For: " + chain + "\r\n"); }
std::string forwarded(const std::string& value) { return client_of("Forwarded: " + value + "\r\n"); }

} // namespace

TEST_CASE("the client is the rightmost address that is not a trusted proxy's") {
    CHECK(through("203.0.113.7") == "203.0.113.7");
    CHECK(through("1.1.1.1, 203.0.113.7") == "203.0.113.7");
    CHECK(through("1.1.1.1, 203.0.113.7, 10.0.0.2,10.0.0.1") == "203.0.113.7");
    CHECK(through("1.1.1.1, 10.0.0.9, 203.0.113.7, 10.0.0.1") == "203.0.113.7");
    CHECK(through("2001:db8::1, fd00::5") == "2001:db8::1");
}

TEST_CASE("a chain of trusted proxies alone begins with the client") {
    CHECK(through("10.0.0.3, 10.0.0.2") == "10.0.0.3");
    CHECK(through("10.0.0.3") == "10.0.0.3");
    CHECK(client_of("") == "the peer");
    CHECK(client_of("X-Forwarded-For:\r\n") == "the peer");
    CHECK(through(" , ,") == "the peer");
}

TEST_CASE("an invalid address ends the chain at the trusted proxy that sent it") {
    for (const std::string junk :
         {"unknown",          "_hidden",
          "a.example.com",    "1.2.3",
          "1.2.3.4.5",        "01.2.3.4",
          "1.2.3.4:",         "1.2.3.4:65536",
          "1.2.3.4:x",        "[1.2.3.4]",
          "[2001:db8::1",     "[2001:db8::1]80",
          "2001:db8::1]",     "fe80::1%eth0",
          "\"203.0.113.7",    "for=203.0.113.7",
          "203.0.113.7 x",    "<script>",
          "::ffff:1.2.3.4.5", "9999999999999999999999999999999999999999999999999999999999999999"}) {
        INFO(junk);
        CHECK(through(junk) == "the peer");
        CHECK(through("203.0.113.7, " + junk) == "the peer");
        CHECK(through("203.0.113.7, " + junk + ", 10.0.0.2") == "10.0.0.2");
        CHECK(through("203.0.113.7, " + junk + ", 10.0.0.3, 10.0.0.2") == "10.0.0.3");
        CHECK(through(junk + ", 203.0.113.9, 10.0.0.2") == "203.0.113.9");
    }
}

TEST_CASE("ports, brackets, quotes and IPv4 in IPv6 form are understood") {
    CHECK(through("203.0.113.7:4711") == "203.0.113.7");
    CHECK(through("[2001:db8::1]:4711") == "2001:db8::1");
    CHECK(through("[2001:DB8::1]") == "2001:db8::1");
    CHECK(through("\"[2001:db8::1]:80\"") == "2001:db8::1");
    CHECK(through("::ffff:203.0.113.7") == "203.0.113.7");
    CHECK(through("203.0.113.7, ::ffff:10.0.0.1") == "203.0.113.7");
    CHECK(parse_node("203.0.113.7:4711").port() == 4711);
    CHECK(parse_node("203.0.113.7").port() == 0);
}

TEST_CASE("several fields are one chain, in their order") {
    CHECK(client_of("X-Forwarded-For: 1.1.1.1\r\nAccept: x\r\nx-forwarded-for: 203.0.113.7, 10.0.0.1\r\n") ==
          "203.0.113.7");
    CHECK(client_of("X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: 10.0.0.1\r\n") == "203.0.113.7");
    CHECK(client_of("X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: junk\r\nX-Forwarded-For: 10.0.0.1\r\n") ==
          "10.0.0.1");
    CHECK(client_of("Forwarded: for=1.1.1.1\r\nForwarded: for=203.0.113.7\r\n") == "203.0.113.7");
}

TEST_CASE("Forwarded is read where there is no X-Forwarded-For") {
    CHECK(forwarded("for=203.0.113.7") == "203.0.113.7");
    CHECK(forwarded("For=\"203.0.113.7:80\";proto=https;by=10.0.0.1, for=10.0.0.2") == "203.0.113.7");
    CHECK(forwarded("proto=https ; for=\"[2001:db8::1]:_p\" , for=10.0.0.2;host=\"a, b\"") == "2001:db8::1");
    CHECK(forwarded("for=203.0.113.7:80") == "203.0.113.7");
    CHECK(forwarded(",, for=203.0.113.7,") == "203.0.113.7");
    CHECK(client_of("Forwarded: for=1.1.1.1\r\nX-Forwarded-For: 203.0.113.7\r\n") == "203.0.113.7");
    CHECK(client_of("X_Forwarded_For: 1.1.1.1\r\n") == "the peer"); // a CGI alias of the name is another field
}

TEST_CASE("nothing in Forwarded can hide or imitate what a trusted proxy appends") {
    for (const std::string junk : {"for=unknown", "for=_hidden", "for=\"_a,b\"", "proto=https",
                                   "for=1.1.1.1;for=2.2.2.2", "for=\"1.1.1\\.1\"", "for=\"\""}) {
        INFO(junk);
        CHECK(forwarded(junk) == "the peer");
        CHECK(forwarded("for=203.0.113.7, " + junk + ", for=10.0.0.2") == "10.0.0.2");
        CHECK(forwarded(junk + ", for=203.0.113.9, for=10.0.0.2") == "203.0.113.9");
    }
    for (const std::string broken :
         {"for=1.1.1.1;x=\"", "for", "for=", "=1.1.1.1", "for=1.1.1.1;", "for=1.1.1.1 x", "\"", "for=\"1.1.1.1\"x"}) {
        INFO(broken);
        CHECK(forwarded(broken + ", for=203.0.113.9") == "the peer");
        CHECK(forwarded(broken + ", for=\"203.0.113.9\"") == "the peer");
        CHECK(client_of("Forwarded: " + broken + "\r\nForwarded: for=203.0.113.9\r\n") == "203.0.113.9");
    }
}
