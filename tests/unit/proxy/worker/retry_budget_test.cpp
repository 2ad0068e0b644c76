#include "proxy/worker/retry_budget.h"
#include "tests/catch.h"

using namespace weir::proxy;

TEST_CASE("the budget is a share of ten seconds' requests, above a floor") {
    const auto start = std::chrono::steady_clock::time_point() + std::chrono::hours(1);
    RetryBudget budget;
    for (int i = 0; i < 1000; ++i) budget.count_request(start);
    int allowed = 0;
    while (budget.take(start, 20)) ++allowed;
    CHECK(allowed == 200 + static_cast<int>(RetryBudget::always_allowed));
    CHECK_FALSE(budget.take(start + std::chrono::seconds(9), 20));
    CHECK(budget.take(start + std::chrono::seconds(10), 20)); // old requests are forgotten
    RetryBudget none;
    CHECK_FALSE(none.take(start, 0));
}
