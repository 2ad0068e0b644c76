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

TEST_CASE("the budget is a share of ten seconds' requests, above a floor") {
    const auto start = std::chrono::steady_clock::time_point() + std::chrono::hours(1);
    RetryBudget budget;
    for (int i = 0; i < 1000; ++i) budget.count_request(start);
    int allowed = 0;
    while (budget.take(start, 20)) ++allowed;
    CHECK(allowed == 200 + static_cast<int>(RetryBudget::always_allowed));
    CHECK_FALSE(budget.take(start + std::chrono::seconds(9), 20));
    CHECK(budget.take(start + std::chrono::seconds(10), 20)); // the past is forgotten
    RetryBudget none;
    CHECK_FALSE(none.take(start, 0));
}
