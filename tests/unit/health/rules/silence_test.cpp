#include "health/rules/silence.h"
#include "tests/catch.h"

using namespace weir::health;
using namespace std::chrono_literals;
using Sign = Silence::Sign;

static const Silence::TimePoint start{1h};

TEST_CASE("a backend is dead a window after its last sign of life, to the moment") {
    Silence silence(15s, start);
    CHECK_FALSE(silence.has_passed(start + 14999ms));
    CHECK(silence.has_passed(start + 15s));
    CHECK(silence.hear(start + 15s) == Sign::in_time);
    CHECK(silence.deadline() == start + 30s);
    CHECK(silence.has_passed(start + 30s));
}

TEST_CASE("a check delayed by a stopped weir leaves time to read what has arrived") {
    for (const auto stopped : {1s, 10s, 3600s}) {
        Silence silence(15s, start);
        const auto late = start + 15s + stopped;
        CHECK_FALSE(silence.has_passed(late));
        CHECK(silence.deadline() == late + std::min<std::chrono::seconds>(stopped, 15s));
        CHECK(silence.has_passed(silence.deadline()));
    }
}

TEST_CASE("a machine that is always late finds a dead backend all the same") {
    Silence silence(15s, start);
    CHECK_FALSE(silence.has_passed(start + 16s));
    CHECK(silence.deadline() == start + 17s);
    CHECK(silence.has_passed(start + 18s)); // the check is late again
    CHECK(silence.hear(start + 19s) == Sign::after_gap);
    CHECK_FALSE(silence.has_passed(start + 35s)); // this is a new silence
}

TEST_CASE("one gap is an outage, gaps in a row are a pace beyond the settings") {
    Silence silence(3s, start);
    CHECK(silence.hear(start + 1s) == Sign::in_time);
    CHECK(silence.hear(start + 60s) == Sign::after_gap); // it was silent for a minute
    CHECK_FALSE(silence.slow_pace());
    CHECK(silence.hear(start + 65s) == Sign::after_gap);
    CHECK(silence.slow_pace() == 5s); // not a minute
    CHECK(silence.hear(start + 70004ms) == Sign::after_gap);
    CHECK(silence.slow_pace() == 5s); // not 5004ms
    CHECK(silence.hear(start + 72s) == Sign::in_time);
    CHECK_FALSE(silence.slow_pace());
}

TEST_CASE("a backend that was out of order in between was not slow") {
    Silence silence(3s, start);
    CHECK(silence.hear(start + 60s) == Sign::after_gap);
    silence.interrupt();
    CHECK(silence.hear(start + 90s) == Sign::after_gap);
    CHECK_FALSE(silence.slow_pace());
}
