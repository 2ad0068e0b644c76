#include "proxy/judgement.h"
#include "tests/catch.h"

using namespace weir::proxy;

namespace {

const weir::conf::Rollback rules{std::chrono::seconds(30), {50}, {20}};

Picture web(PoolPicture pool) { return {{"web", pool}}; }

// What a pool was before, and is now: members, sick, tries, errors.
bool is_worse(PoolPicture before, PoolPicture now, double usual = 0) {
    const Before then{web(before), web({now.members, 0, before.tries, before.errors}), {{"web", usual}}};
    return find_worse(rules, then, web(now)).has_value();
}

} // namespace

TEST_CASE("a pool that loses too many of its healthy backends is worse") {
    CHECK_FALSE(is_worse({4, 0}, {4, 0}));
    CHECK_FALSE(is_worse({4, 0}, {4, 2})); // half is not under half
    CHECK(is_worse({4, 0}, {4, 3}));
    CHECK(is_worse({4, 2}, {4, 3}));
    CHECK_FALSE(is_worse({4, 3}, {4, 3})); // no worse than it was
    CHECK_FALSE(is_worse({4, 4}, {4, 3}));
    CHECK_FALSE(is_worse({4, 0}, {0, 0})); // an operator has taken them all out
}

TEST_CASE("requests that fail count beyond those that failed before, and only if there are enough") {
    CHECK_FALSE(is_worse({1, 0, 100, 0}, {1, 0, 200, 20}));
    CHECK(is_worse({1, 0, 100, 0}, {1, 0, 200, 21}));
    CHECK(is_worse({1, 0, 100, 50}, {1, 0, 200, 71})); // counters go on from where they were
    CHECK_FALSE(is_worse({1, 0, 100, 50}, {1, 0, 200, 70}, 0.5));
    CHECK_FALSE(is_worse({1, 0, 100, 0}, {1, 0, 200, 60}, 0.5)); // it was failing before
    CHECK(is_worse({1, 0, 100, 0}, {1, 0, 200, 71}, 0.5));
    CHECK_FALSE(is_worse({1, 0, 100, 0}, {1, 0, 119, 19})); // too few to tell
    CHECK(is_worse({1, 0, 100, 0}, {1, 0, 120, 20}));
}

TEST_CASE("a pool that is new is judged by itself, and one that has gone not at all") {
    const Before before{{{"old", {2, 0}}}, {{"new", {2, 0}}}, {}};
    CHECK_FALSE(find_worse(rules, before, {{"new", {2, 0, 0, 0}}}));
    CHECK(find_worse(rules, before, {{"new", {2, 2, 0, 0}}}));
    CHECK(find_worse(rules, before, {{"new", {2, 0, 50, 50}}}));
}

TEST_CASE("the reason says which pool, what is, what was, and by which rule") {
    const Before before{web({3, 0}), web({3, 0}), {{"web", 0.05}}};
    CHECK(*find_worse(rules, before, web({3, 2})) ==
          "pool web: 1 of 3 backends are healthy, 100% were before (rollback.if_healthy_below: 50%)");
    CHECK(*find_worse(rules, before, web({3, 0, 100, 40})) ==
          "pool web: 40% of its requests fail, 5% did before (rollback.if_error_rate_above: 20%)");
}

TEST_CASE("error rates need enough tries, and counters that went on") {
    CHECK(error_rates(web({1, 0, 100, 10}), web({1, 0, 120, 20})).at("web") == Approx(0.5));
    CHECK(error_rates(web({1, 0, 100, 10}), web({1, 0, 119, 10})).empty());
    CHECK(error_rates(web({1, 0, 100, 10}), web({1, 0, 50, 0})).empty()); // other backends
    CHECK(error_rates({}, web({1, 0, 40, 10})).at("web") == Approx(0.25));
}
