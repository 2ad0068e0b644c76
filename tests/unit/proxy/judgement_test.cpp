#include "proxy/judgement.h"
#include "tests/catch.h"

using namespace weir::proxy;

namespace {

const weir::conf::Rollback rules{std::chrono::seconds(30), {50}, {20}};

// A pool: members, sick, tries, errors; one of its backends has counted all of them.
PoolPicture pool(std::uint64_t members, std::uint64_t sick, std::uint64_t tries = 0, std::uint64_t errors = 0) {
    return {members, sick, {{1, tries, errors}}};
}

Picture web(PoolPicture pool) { return {{"web", std::move(pool)}}; }

// What a pool was before, and is now.
bool is_worse(PoolPicture before, PoolPicture now, double usual = 0) {
    const Before then{web(before), web({now.members, 0, before.counts}), {{"web", usual}}};
    return find_worse(rules, then, web(now)).has_value();
}

} // namespace

TEST_CASE("a pool that loses too many of its healthy backends is worse") {
    CHECK_FALSE(is_worse(pool(4, 0), pool(4, 0)));
    CHECK_FALSE(is_worse(pool(4, 0), pool(4, 2))); // half is not under half
    CHECK(is_worse(pool(4, 0), pool(4, 3)));
    CHECK(is_worse(pool(4, 2), pool(4, 3)));
    CHECK_FALSE(is_worse(pool(4, 3), pool(4, 3))); // no worse than it was
    CHECK_FALSE(is_worse(pool(4, 4), pool(4, 3)));
    CHECK_FALSE(is_worse(pool(4, 0), pool(0, 0))); // an operator has taken them all out
}

TEST_CASE("requests that fail count beyond those that failed before, and only if there are enough") {
    CHECK_FALSE(is_worse(pool(1, 0, 100, 0), pool(1, 0, 200, 20)));
    CHECK(is_worse(pool(1, 0, 100, 0), pool(1, 0, 200, 21)));
    CHECK(is_worse(pool(1, 0, 100, 50), pool(1, 0, 200, 71))); // counters go on from where they were
    CHECK_FALSE(is_worse(pool(1, 0, 100, 50), pool(1, 0, 200, 70), 0.5));
    CHECK_FALSE(is_worse(pool(1, 0, 100, 0), pool(1, 0, 200, 60), 0.5)); // it was failing before
    CHECK(is_worse(pool(1, 0, 100, 0), pool(1, 0, 200, 71), 0.5));
    CHECK_FALSE(is_worse(pool(1, 0, 100, 0), pool(1, 0, 119, 19))); // too few to tell
    CHECK(is_worse(pool(1, 0, 100, 0), pool(1, 0, 120, 20)));
}

TEST_CASE("a pool that is new is judged by itself, and one that has gone not at all") {
    const Before before{{{"old", pool(2, 0)}}, {{"new", pool(2, 0)}}, {}};
    CHECK_FALSE(find_worse(rules, before, {{"new", pool(2, 0, 0, 0)}}));
    CHECK(find_worse(rules, before, {{"new", pool(2, 2, 0, 0)}}));
    CHECK(find_worse(rules, before, {{"new", pool(2, 0, 50, 50)}}));
}

TEST_CASE("the reason says which pool, what is, what was, and by which rule") {
    const Before before{web(pool(3, 0)), web(pool(3, 0)), {{"web", 0.05}}};
    CHECK(*find_worse(rules, before, web(pool(3, 2))) ==
          "pool web: 1 of 3 backends are healthy, 100% were before (rollback.if_healthy_below: 50%)");
    CHECK(*find_worse(rules, before, web(pool(3, 0, 100, 40))) ==
          "pool web: 40% of its requests fail, 5% did before (rollback.if_error_rate_above: 20%)");
}

TEST_CASE("error rates need enough tries") {
    const auto rates = [](const Picture& from, const Picture& to) { return error_rates(tries_between(from, to)); };
    CHECK(rates(web(pool(1, 0, 100, 10)), web(pool(1, 0, 120, 20))).at("web") == Approx(0.5));
    CHECK(rates(web(pool(1, 0, 100, 10)), web(pool(1, 0, 119, 10))).empty());
    CHECK(rates({}, web(pool(1, 0, 40, 10))).at("web") == Approx(0.25));
}

TEST_CASE("backends that come and go meanwhile do not take the others' counts with them") {
    const Picture before{{"web", {3, 0, {{1, 1000, 0}, {2, 5000, 0}, {3, 10, 0}}}}};
    const Picture after{{"web", {3, 0, {{3, 60, 50}, {1, 1050, 0}, {4, 100, 0}}}}};
    const auto tries = tries_between(before, after).at("web");
    CHECK((tries.tries == 200 && tries.errors == 50));
    const Picture instead{{"web", {1, 0, {{2, 30, 15}}}}}; // a new one at the place of one that left
    CHECK(error_rates(tries_between(before, instead)).at("web") == Approx(0.5));
}
