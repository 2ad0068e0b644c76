#include "proxy/reload/regression_check.h"
#include "tests/catch.h"

using namespace weir::proxy;

namespace {

const weir::conf::Rollback rules{std::chrono::seconds(30), {50}, {20}};

// Makes a sample of a pool in which one backend has counted all tries and errors.
PoolSample pool(std::uint64_t members, std::uint64_t sick, std::uint64_t tries = 0, std::uint64_t errors = 0) {
    return {members, sick, {{1, tries, errors}}};
}

HealthSample web(PoolSample pool) { return {{"web", std::move(pool)}}; }

// Compares a sample of a pool from before a change with one from now.
bool is_worse(PoolSample before, PoolSample now, double usual = 0) {
    const Baseline then{web(before), web({now.members, 0, before.counts}), {{"web", usual}}};
    return find_regression(rules, then, web(now)).has_value();
}

} // namespace

TEST_CASE("a pool that loses too many of its healthy backends is worse") {
    CHECK_FALSE(is_worse(pool(4, 0), pool(4, 0)));
    CHECK_FALSE(is_worse(pool(4, 0), pool(4, 2))); // half is not below half
    CHECK(is_worse(pool(4, 0), pool(4, 3)));
    CHECK(is_worse(pool(4, 2), pool(4, 3)));
    CHECK_FALSE(is_worse(pool(4, 3), pool(4, 3))); // no worse than before
    CHECK_FALSE(is_worse(pool(4, 4), pool(4, 3)));
    CHECK_FALSE(is_worse(pool(4, 0), pool(0, 0))); // an operator has taken out all members
}

TEST_CASE("failures count beyond the baseline, and only if there are enough") {
    CHECK_FALSE(is_worse(pool(1, 0, 100, 0), pool(1, 0, 200, 20)));
    CHECK(is_worse(pool(1, 0, 100, 0), pool(1, 0, 200, 21)));
    CHECK(is_worse(pool(1, 0, 100, 50), pool(1, 0, 200, 71))); // counters continue
    CHECK_FALSE(is_worse(pool(1, 0, 100, 50), pool(1, 0, 200, 70), 0.5));
    CHECK_FALSE(is_worse(pool(1, 0, 100, 0), pool(1, 0, 200, 60), 0.5)); // it was failing before
    CHECK(is_worse(pool(1, 0, 100, 0), pool(1, 0, 200, 71), 0.5));
    CHECK_FALSE(is_worse(pool(1, 0, 100, 0), pool(1, 0, 119, 19))); // too few to tell
    CHECK(is_worse(pool(1, 0, 100, 0), pool(1, 0, 120, 20)));
}

TEST_CASE("a new pool is checked on its own, a removed one not at all") {
    const Baseline before{{{"old", pool(2, 0)}}, {{"new", pool(2, 0)}}, {}};
    CHECK_FALSE(find_regression(rules, before, {{"new", pool(2, 0, 0, 0)}}));
    CHECK(find_regression(rules, before, {{"new", pool(2, 2, 0, 0)}}));
    CHECK(find_regression(rules, before, {{"new", pool(2, 0, 50, 50)}}));
}

TEST_CASE("the reason says which pool, what is, what was, and by which rule") {
    const Baseline before{web(pool(3, 0)), web(pool(3, 0)), {{"web", 0.05}}};
    CHECK(*find_regression(rules, before, web(pool(3, 2))) ==
          "pool web: 1 of 3 backends are healthy, 100% were before (rollback.if_healthy_below: 50%)");
    CHECK(*find_regression(rules, before, web(pool(3, 0, 100, 40))) ==
          "pool web: 40% of its requests fail, 5% did before (rollback.if_error_rate_above: 20%)");
}

TEST_CASE("error rates need enough tries") {
    const auto rates = [](const HealthSample& from, const HealthSample& to) {
        return error_rates(tries_between(from, to));
    };
    CHECK(rates(web(pool(1, 0, 100, 10)), web(pool(1, 0, 120, 20))).at("web") == Approx(0.5));
    CHECK(rates(web(pool(1, 0, 100, 10)), web(pool(1, 0, 119, 10))).empty());
    CHECK(rates({}, web(pool(1, 0, 40, 10))).at("web") == Approx(0.25));
}

TEST_CASE("backends that come and go do not take the others' counts with them") {
    const HealthSample before{{"web", {3, 0, {{1, 1000, 0}, {2, 5000, 0}, {3, 10, 0}}}}};
    const HealthSample after{{"web", {3, 0, {{3, 60, 50}, {1, 1050, 0}, {4, 100, 0}}}}};
    const auto tries = tries_between(before, after).at("web");
    CHECK((tries.tries == 200 && tries.errors == 50));
    const HealthSample instead{{"web", {1, 0, {{2, 30, 15}}}}}; // a new backend replaces one that left
    CHECK(error_rates(tries_between(before, instead)).at("web") == Approx(0.5));
}

TEST_CASE("weir's own refusals count per listener, beyond the baseline") {
    const auto is_worse = [](Tries then, Tries now, double usual) {
        const Baseline before{{}, {}, {}, {{"web", then}}, {{"web", usual}}};
        return find_refusals(rules, before, {{"web", now}}).has_value();
    };
    CHECK_FALSE(is_worse({100, 0}, {200, 20}, 0));
    CHECK(is_worse({100, 0}, {200, 21}, 0));
    CHECK(is_worse({1000, 900}, {1020, 920}, 0));    // all requests since then
    CHECK_FALSE(is_worse({100, 0}, {119, 19}, 0));   // too few to tell
    CHECK_FALSE(is_worse({100, 50}, {200, 150}, 1)); // it refused everything before
    CHECK(is_worse({5000, 5000}, {40, 40}, 0));      // a new listener of that name counts from zero
}

TEST_CASE("the reason says which listener refuses how much") {
    const Baseline before{{}, {}, {}, {{"web", {0, 0}}}, {{"web", 0.01}}};
    CHECK(*find_refusals(rules, before, {{"web", {100, 100}}}) ==
          "listener web: weir itself refuses 100% of its requests, 1% before (rollback.if_error_rate_above: 20%)");
    CHECK_FALSE(find_refusals(rules, before, {{"new", {100, 0}}}));
}
