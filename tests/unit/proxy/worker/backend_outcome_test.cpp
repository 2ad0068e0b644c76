#include "proxy/worker/backend_outcome.h"
#include "tests/catch.h"

using namespace weir::proxy;

TEST_CASE("only statuses of a server that cannot serve count against it") {
    for (const int status : {502, 503, 504}) CHECK(outcome_of_status(status) == BackendOutcome::failure);
    for (const int status : {500, 506, 507, 508, 511, 520, 599})
        CHECK(outcome_of_status(status) == BackendOutcome::server_error);
    for (const int status : {101, 200, 204, 301, 400, 404, 408, 429, 499, 501, 505})
        CHECK(outcome_of_status(status) == BackendOutcome::success);
}

TEST_CASE("a failure that good requests can ask for counts for the canary only") {
    for (const auto reason : {FailureReason::response_head_too_large, FailureReason::stream_idle})
        CHECK(outcome_of_failure(reason) == BackendOutcome::server_error);
    for (const auto reason :
         {FailureReason::connect_refused, FailureReason::connect_timeout, FailureReason::connect_failed,
          FailureReason::backend_tls_failed, FailureReason::backend_closed, FailureReason::backend_timeout,
          FailureReason::bad_response_head, FailureReason::response_truncated, FailureReason::bad_response_body})
        CHECK(outcome_of_failure(reason) == BackendOutcome::failure);
}
