#include "proxy/http/retry.h"
#include "tests/catch.h"

using namespace weir::proxy::http;
using Stage = FailedTry::Stage;

TEST_CASE("what may be tried again") {
    struct Row {
        Stage stage;
        bool idempotent, replayable, allowed;
    };
    const Row rows[] = {
        {Stage::connecting, false, true, true},  {Stage::connecting, true, true, true},
        {Stage::connecting, true, false, false}, {Stage::sent, true, true, true},
        {Stage::sent, false, true, false},       {Stage::sent, true, false, false},
        {Stage::answering, true, true, false},
    };
    for (const auto& row : rows) CHECK(may_retry({row.stage, row.idempotent, row.replayable}) == row.allowed);
    CHECK(is_idempotent("GET"));
    CHECK(is_idempotent("DELETE"));
    CHECK_FALSE(is_idempotent("POST"));
    CHECK_FALSE(is_idempotent("PATCH"));
    CHECK_FALSE(is_idempotent("get"));
}
