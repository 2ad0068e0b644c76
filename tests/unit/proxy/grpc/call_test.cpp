#include "proxy/grpc/call.h"
#include "tests/catch.h"

#include <string>

using namespace weir::proxy;
using namespace weir::proxy::grpc;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

// Parses a request with these lines of fields.
http::RequestHead head_of(const std::string& text) {
    http::RequestHead head;
    REQUIRE(http::parse_request(text, {}, head).status == http::HeadStatus::complete);
    return head;
}

std::string request(const std::string& lines, const std::string& method = "POST") {
    return method + " /a.B/C HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n";
}

} // namespace

TEST_CASE("the media types of gRPC are told from others") {
    for (const auto* type : {"application/grpc", "application/grpc+proto", "application/grpc+json", "Application/GRPC",
                             "application/grpc; charset=utf-8", "application/grpc;x", "application/grpc ;x"})
        CHECK(is_grpc_type(type));
    for (const auto* type : {"", "application", "application/grpcx", "application/grpc-web",
                             "application/grpc-web+proto", "application/json", "text/plain", "xapplication/grpc"})
        CHECK_FALSE(is_grpc_type(type));
}

TEST_CASE("a call is a POST with one Content-Type of gRPC") {
    const auto grpc = request("Content-Type: application/grpc+proto\r\n");
    CHECK(is_call(head_of(grpc)));
    const auto get = request("Content-Type: application/grpc\r\n", "GET");
    CHECK_FALSE(is_call(head_of(get)));
    const auto none = request("");
    CHECK_FALSE(is_call(head_of(none)));
    const auto two = request("Content-Type: application/grpc\r\ncontent-type: text/plain\r\n");
    CHECK_FALSE(is_call(head_of(two)));
}

TEST_CASE("the timeout of a call has up to 8 digits and a unit") {
    const std::pair<const char*, nanoseconds> legal[] = {
        {"1H", 1h},        {"3M", 3min}, {"20S", 20s}, {"100m", 100ms}, {"7u", 7us}, {"99999999n", 99999999ns},
        {"00000001S", 1s}, {"0m", 0ns},
    };
    for (const auto& [value, time] : legal) CHECK(parse_timeout(value) == time);
    CHECK(parse_timeout("99999999H") == nanoseconds::max()); // more than fits
    CHECK(parse_timeout("99999999S") == 99999999s);
    for (const auto* value :
         {"", "S", "1", "1s", "1h", "-1S", "+1S", "1.5S", " 1S", "1 S", "123456789n", "1SS", "1S,2S"})
        CHECK_FALSE(parse_timeout(value));
}

TEST_CASE("two timeouts are none") {
    const auto one = request("grpc-timeout: 2S\r\n");
    CHECK(timeout_of(head_of(one)) == nanoseconds(2s));
    const auto two = request("grpc-timeout: 2S\r\nGrpc-Timeout: 2S\r\n");
    CHECK_FALSE(timeout_of(head_of(two)));
}

TEST_CASE("the path of a call names a service and a method") {
    const auto found = method_of("/shop.v1.Cart/AddItem");
    REQUIRE(found);
    CHECK(found->service == "shop.v1.Cart");
    CHECK(found->method == "AddItem");
    CHECK(method_of("/a/b?c/d"));
    for (const auto* path :
         {"", "/", "*", "/a", "/a/", "//b", "/a/b/c", "a/b", "/a b/c", "/a/\"b", "/a/%41", "/\xc3\xa4/b"})
        CHECK_FALSE(method_of(path));
    CHECK(method_of("/" + std::string(200, 's') + "/m"));
    CHECK_FALSE(method_of("/" + std::string(300, 's') + "/m"));
}
