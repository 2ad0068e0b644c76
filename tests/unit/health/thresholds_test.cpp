#include "health/schedule.h"
#include "health/thresholds.h"
#include "tests/catch.h"

#include <string>

using namespace weir::health;

// Probes as a line of + and -, verdicts after each as a line of u (up), d (down), ? (unknown).
static std::string verdicts(Thresholds thresholds, Verdict verdict, const std::string& probes) {
    std::string out;
    Progress progress;
    for (const char probe : probes) {
        verdict = thresholds.observe(verdict, progress, probe == '+' ? ProbeOutcome::passed : ProbeOutcome::failed);
        out += verdict == Verdict::up ? 'u' : verdict == Verdict::down ? 'd' : '?';
    }
    return out;
}

TEST_CASE("verdicts follow fall and rise") {
    CHECK(verdicts({3, 2}, Verdict::up, "+--+---+") == "uuuuuudd");
    CHECK(verdicts({3, 2}, Verdict::down, "+-++") == "dddu");
    CHECK(verdicts({1, 1}, Verdict::up, "-+-") == "dud");
    CHECK(verdicts({3, 2}, Verdict::unknown, "+") == "u");
}

TEST_CASE("a backend that was never healthy is down after fall failures, and then needs rise passes") {
    CHECK(verdicts({3, 2}, Verdict::unknown, "--") == "??");
    CHECK(verdicts({3, 2}, Verdict::unknown, "---++") == "??ddu");
}

TEST_CASE("jitter never makes a wait longer than the interval") {
    const Milliseconds interval(5000);
    for (double dice = 0; dice <= 1; dice += 0.01) {
        CHECK(next_delay(interval, dice) <= interval);
        CHECK(next_delay(interval, dice) >= interval * 9 / 10);
        CHECK(first_delay(interval, dice) <= Milliseconds(1000));
    }
    CHECK(first_delay(Milliseconds(100), 1) == Milliseconds(100));
    CHECK(first_delay(interval, 0) != first_delay(interval, 1));
}
