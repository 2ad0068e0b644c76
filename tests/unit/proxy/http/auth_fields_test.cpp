#include "proxy/http/auth_fields.h"

#include "tests/catch.h"

#include <string>

using namespace weir;
using namespace weir::proxy::http;

namespace {

ResponseHead read_response(const std::string& fields, std::string& bytes) {
    bytes = "HTTP/1.1 200 OK\r\n" + fields + "\r\n";
    ResponseHead head;
    REQUIRE(parse_response(bytes, HeadLimits(), head).status == HeadStatus::complete);
    return head;
}

} // namespace

TEST_CASE("the status of an authentication service decides about a request", "[auth]") {
    for (const int status : {200, 201, 204, 299}) CHECK(decide_by_status(status) == AuthDecision::allowed);
    for (const int status : {300, 302, 304, 307, 400, 401, 403, 404, 429, 499})
        CHECK(decide_by_status(status) == AuthDecision::denied);
    for (const int status : {500, 502, 503, 504, 599}) CHECK(decide_by_status(status) == AuthDecision::unavailable);
}

TEST_CASE("requests pass undecided only if the service is out of reach or fails", "[auth]") {
    using enum proxy::FailureReason;
    for (const auto reason : {no_backend, connect_refused, connect_timeout, connect_failed, backend_tls_failed,
                              backend_closed, backend_timeout, auth_unavailable})
        CHECK(may_proceed(reason));
    for (const auto reason :
         {none, client_closed, drained, queue_full, queue_timeout, resource_exhausted, backend_removed,
          bad_response_head, response_head_too_large, bad_response_body, response_truncated})
        CHECK_FALSE(may_proceed(reason));
}

TEST_CASE("named fields of a response are copied, all of each name", "[auth]") {
    std::string bytes;
    const auto head =
        read_response("x-user: ann\r\nX-Group: a\r\nX-Other: no\r\nx-group: b\r\nX_User: forged\r\n", bytes);
    CHECK(copy_fields(head, {"X-User", "X-Group", "X-Missing"}) ==
          CopiedFields{{"X-User", "ann"}, {"X-Group", "a"}, {"X-Group", "b"}});
    CHECK(copy_fields(head, {}).empty());
}

TEST_CASE("copied values lose bytes that a request must not contain", "[auth]") {
    std::string bytes;
    const auto head = read_response("X-User: a\x01"
                                    "b\x7f\r\nX-Empty:\r\n",
                                    bytes);
    CHECK(copy_fields(head, {"X-User", "X-Empty"}) == CopiedFields{{"X-User", "a b"}, {"X-Empty", ""}});
}

TEST_CASE("the service is told the method and the target of a request", "[auth]") {
    const auto uri = [](std::string_view path) { return describe_request("POST", path)[1].second; };
    CHECK(describe_request("POST", "/a?b")[0] == std::pair<std::string, std::string>("X-Forwarded-Method", "POST"));
    CHECK(uri("/a?b") == "/a?b");
    CHECK(uri("?b") == "/?b");
    CHECK(uri("") == "/");
    CHECK(uri("*") == "*");
}

TEST_CASE("a failed authentication keeps the cause as its detail", "[auth]") {
    const auto refused = auth_unavailable({proxy::FailureReason::connect_refused, "connect", 111});
    CHECK(refused.reason == proxy::FailureReason::auth_unavailable);
    CHECK(std::string(refused.detail) == "connect");
    CHECK(refused.error == 111);
    CHECK(std::string(auth_unavailable({proxy::FailureReason::no_backend}).detail) == "no_backend");
}
