#include "proxy/grpc/status.h"
#include "tests/catch.h"

#include <string>

using namespace weir::proxy;
using namespace weir::proxy::grpc;

namespace {

std::optional<Status> status_in(const std::string& lines, int status = 200) {
    const auto text = "HTTP/1.1 " + std::to_string(status) + " x\r\n" + lines + "\r\n";
    http::ResponseHead head;
    REQUIRE(http::parse_response(text, {}, head).status == http::HeadStatus::complete);
    return find_status(head);
}

} // namespace

TEST_CASE("clients conclude a status of gRPC from that of HTTP") {
    const std::pair<int, int> table[] = {{400, 13}, {401, 16}, {403, 7}, {404, 12}, {429, 14}, {502, 14},
                                         {503, 14}, {504, 14}, {200, 2}, {301, 2},  {413, 2},  {500, 2}};
    for (const auto& [http, own] : table) CHECK(static_cast<int>(status_of_http(http)) == own);
}

TEST_CASE("weir's own timeouts end a call as exceeded deadlines") {
    const std::pair<FailureReason, int> table[] = {
        {FailureReason::deadline_exceeded, 4},    {FailureReason::backend_timeout, 4},
        {FailureReason::connect_timeout, 14}, // nothing was sent: the call can be repeated
        {FailureReason::connect_refused, 14},     {FailureReason::no_backend, 14},
        {FailureReason::queue_timeout, 14},       {FailureReason::no_route, 12},
        {FailureReason::access_denied, 7},        {FailureReason::unauthorized, 16},
        {FailureReason::rate_limited, 14},        {FailureReason::bad_request, 13},
        {FailureReason::body_too_large, 8},       {FailureReason::request_header_too_large, 8},
        {FailureReason::misdirected_request, 14}, {FailureReason::client_closed, 1},
    };
    for (const auto& [reason, own] : table)
        CHECK(static_cast<int>(status_of_failure(reason, status_of(reason))) == own);
}

TEST_CASE("a status of gRPC has a counterpart in HTTP") {
    const int table[] = {200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401};
    REQUIRE(std::size(table) == status_count);
    for (std::size_t i = 0; i < status_count; ++i) CHECK(http_status_of(static_cast<Status>(i)) == table[i]);
}

TEST_CASE("a status is a number, and one that is not assigned is unknown") {
    CHECK(parse_status("0") == Status::ok);
    CHECK(parse_status("16") == Status::unauthenticated);
    CHECK(parse_status("014") == Status::unavailable);
    CHECK(parse_status("17") == Status::unknown);
    CHECK(parse_status("999999999") == Status::unknown);
    for (const auto* value : {"", "-1", "1 ", "a", "0x1", "1.0", "1234567890"}) CHECK_FALSE(parse_status(value));
}

TEST_CASE("a head has a status only if it is a response of gRPC") {
    const std::string type = "Content-Type: application/grpc\r\n", status = "grpc-status: 14\r\n";
    CHECK(status_in(type + status) == Status::unavailable);
    CHECK(status_in(status + "content-type: application/grpc+proto\r\n") == Status::unavailable);
    CHECK_FALSE(status_in(type));
    CHECK_FALSE(status_in(status));
    CHECK_FALSE(status_in(status + "Content-Type: text/html\r\n"));
    CHECK_FALSE(status_in(type + status, 503));
}

TEST_CASE("the status is found in a trailer section") {
    CHECK(find_status("grpc-status: 0\r\n") == Status::ok);
    CHECK(find_status("Grpc-Message: grpc-status: 3\r\nGRPC-Status:5\r\nx: y\r\n") == Status::not_found);
    CHECK(find_status("x: y\ngrpc-status: 7 ") == Status::permission_denied);
    for (const auto* text :
         {"", "\r\n", "x", "x: y\r\n", "grpc-status: \r\n", "grpc-status\r\n", "grpc-status-x: 1\r\n"})
        CHECK_FALSE(find_status(text));
}
