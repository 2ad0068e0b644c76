#include "proxy/worker/backend_outcome.h"
#include "tests/catch.h"

using namespace weir::proxy;

TEST_CASE("only statuses that say that a server cannot serve speak against it") {
    for (const int status : {502, 503, 504}) CHECK(outcome_of_status(status) == BackendOutcome::failure);
    for (const int status : {500, 506, 507, 508, 511, 520, 599})
        CHECK(outcome_of_status(status) == BackendOutcome::server_error);
    for (const int status : {101, 200, 204, 301, 400, 404, 408, 429, 499, 501, 505})
        CHECK(outcome_of_status(status) == BackendOutcome::success);
}
