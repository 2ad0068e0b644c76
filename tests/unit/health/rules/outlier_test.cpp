#include "health/rules/outlier.h"
#include "tests/catch.h"

using namespace weir::health;
using namespace std::chrono_literals;

TEST_CASE("each ejection lasts longer than the last, up to ten times the base") {
    OutlierHistory history;
    OutlierHistory::TimePoint now{1h};
    for (int i = 1; i <= 15; ++i) {
        const auto time = history.eject(now, 30s);
        CHECK(time == 30s * std::min(i, 10));
        now += time;
        history.come_back(now);
        now += 1s; // it fails again after a second
    }
}

TEST_CASE("every base time of good service takes one ejection back") {
    OutlierHistory history;
    OutlierHistory::TimePoint now{1h};
    for (int i = 0; i < 4; ++i) {
        now += history.eject(now, 10s);
        history.come_back(now);
    }
    CHECK(history.eject(now + 25s, 10s) == 30s); // four ejections, less two, plus this one
    history.come_back(now + 55s);
    CHECK(history.eject(now + 24h, 10s) == 10s);
}

TEST_CASE("no more than a share of a pool is ejected at a time") {
    CHECK(may_eject(0, 2, {50}));
    CHECK_FALSE(may_eject(1, 2, {50}));
    CHECK_FALSE(may_eject(0, 1, {50})); // the last backend is never ejected
    CHECK(may_eject(0, 1, {100}));
    CHECK_FALSE(may_eject(0, 10, {0}));
    CHECK(may_eject(2, 10, {30}));
    CHECK_FALSE(may_eject(3, 10, {30}));
}
