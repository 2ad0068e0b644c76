#include "health/probes/grpc_health.h"
#include "tests/catch.h"

using namespace weir::health;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

// Returns a length-prefixed message.
std::string prefixed(const std::string& message) {
    return std::string(4, '\0') + static_cast<char>(message.size()) + message;
}

} // namespace

TEST_CASE("a request for the whole server is an empty message") { CHECK(encode_health_request("") == "\0\0\0\0\0"s); }

TEST_CASE("a request has the name of the service in field 1") {
    CHECK(encode_health_request("shop") == "\0\0\0\0\x06\x0a\x04shop"s);
    const auto longer = encode_health_request(std::string(300, 'x'));
    CHECK(longer.substr(0, 8) ==
          "\0\0\0\x01\x2f\x0a\xac\x02"s); // 303 bytes: a tag, a length of two bytes, and the name
    CHECK(longer.size() == 5 + 303);
}

TEST_CASE("a health response has a status, whatever else it has") {
    struct Row {
        std::string message;
        ServingStatus status;
    };
    const Row rows[] = {
        {"", ServingStatus::unknown}, // the default is left out
        {"\x08\x01"s, ServingStatus::serving},
        {"\x08\x02"s, ServingStatus::not_serving},
        {"\x08\x03"s, ServingStatus::service_unknown},
        {"\x08\x81\x00"s, ServingStatus::serving},     // longer than it need be
        {"\x08\x02\x08\x01"s, ServingStatus::serving}, // the last one counts
        {"\x10\x05\x08\x01"s, ServingStatus::serving}, // after fields that are not known, of each type
        {"\x1a\x02\x08\x02\x08\x01"s, ServingStatus::serving},
        {"\x21"s + std::string(8, '\x08') + "\x08\x01", ServingStatus::serving},
        {"\x2d"s + std::string(4, '\x08') + "\x08\x01", ServingStatus::serving},
        {"\x0a\x01\x02"s, ServingStatus::unknown}, // field 1 of another type is not known either
    };
    for (const auto& row : rows) {
        const auto read = read_health_response(prefixed(row.message));
        INFO(name_of(row.status));
        REQUIRE(read);
        CHECK(*read == row.status);
    }
}

TEST_CASE("a status without a name is shown as a number") {
    CHECK(name_of(*read_health_response(prefixed("\x08\x07"))) == "status 7");
    const auto negative = prefixed("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    CHECK(name_of(*read_health_response(negative)) == "status -1");
    CHECK(name_of(ServingStatus::not_serving) == "NOT_SERVING");
}

TEST_CASE("a health response that is not one message is refused") {
    struct Row {
        std::string body;
        const char* error;
    };
    const Row rows[] = {
        {"", "the response has no message"},
        {"\0\0\0\0"s, "the message is cut off"},
        {"\0\0\0\0\x02\x08"s, "the message is cut off"},
        {"\0\xff\xff\xff\xff\x08\x01"s, "the message is cut off"},
        {"\x01\0\0\0\x02\x08\x01"s, "the message is compressed, which weir has not asked for"},
        {"\x02\0\0\0\x02\x08\x01"s, "the message is malformed"},
        {prefixed("\x08\x01") + prefixed("\x08\x01"), "the response has more than one message"},
        {prefixed("\x08"), "the message is malformed"},
        {prefixed("\x08\x80"), "the message is malformed"},
        {prefixed("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), "the message is malformed"}, // more than 64 bits
        {prefixed("\x08" + std::string(10, '\x80') + "\x01"), "the message is malformed"},
        {prefixed("\x1a\x05x"), "the message is malformed"},
        {prefixed("\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"), "the message is malformed"},
        {prefixed("\x21" + std::string(7, 'x')), "the message is malformed"},
        {prefixed("\x0b\x0c"), "the message is malformed"},           // a group
        {prefixed(std::string(1, '\0')), "the message is malformed"}, // field 0
        {"<html>", "the message is malformed"},
    };
    for (const auto& row : rows) {
        INFO(row.body);
        const auto read = read_health_response(row.body);
        REQUIRE_FALSE(read);
        CHECK(read.error().message() == row.error);
    }
}

TEST_CASE("a grpc-status is shown with its name") {
    CHECK(describe_grpc_status("0") == "0 OK");
    CHECK(describe_grpc_status("12") == "12 UNIMPLEMENTED");
    CHECK(describe_grpc_status("16") == "16 UNAUTHENTICATED");
    CHECK(describe_grpc_status("17") == "17");
    CHECK(describe_grpc_status("") == "");
    CHECK(describe_grpc_status("4x") == "4x");
    CHECK(describe_grpc_status("-1") == "-1");
    CHECK(describe_grpc_status("\x1b[2J") == "?[2J");
}

TEST_CASE("a grpc-message is decoded, and is safe to show") {
    CHECK(decode_grpc_message("not ready: 50%25") == "not ready: 50%");
    CHECK(decode_grpc_message("a%20b%2") == "a b%2");
    CHECK(decode_grpc_message("%zz%4") == "%zz%4");
    CHECK(decode_grpc_message("line%0Aline%1b%c3%a4") == "line?line???");
    CHECK(decode_grpc_message(std::string(1000, 'x')).size() == 128);
}

TEST_CASE("a grpc-timeout has at most eight digits") {
    CHECK(grpc_timeout(2s) == "2000m");
    CHECK(grpc_timeout(0s) == "1m");
    CHECK(grpc_timeout(99'999'999ms) == "99999999m");
    CHECK(grpc_timeout(100'000'000ms) == "100000S");
    CHECK(grpc_timeout(std::chrono::hours(24 * 365 * 100)) == "99999999S");
}

TEST_CASE("the content-type of gRPC may have a format and parameters") {
    CHECK(is_grpc_type("application/grpc"));
    CHECK(is_grpc_type("application/grpc+proto"));
    CHECK(is_grpc_type("application/grpc;charset=utf-8"));
    CHECK_FALSE(is_grpc_type("application/grpc-web"));
    CHECK_FALSE(is_grpc_type("text/html"));
    CHECK_FALSE(is_grpc_type(""));
}
