#include "health/rules/schedule.h"
#include "health/rules/thresholds.h"
#include "tests/catch.h"

#include <random>
#include <string>
#include <utility>

using namespace weir::health;

// Takes probes as a line of + and -. Returns the verdict after each: u (up), d (down) or ? (unknown).
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

TEST_CASE("a backend that was never healthy needs fall failures, then rise passes") {
    CHECK(verdicts({3, 2}, Verdict::unknown, "--") == "??");
    CHECK(verdicts({3, 2}, Verdict::unknown, "---++") == "??ddu");
}

TEST_CASE("jitter never makes a wait longer than the interval") {
    const Milliseconds interval(5000);
    for (double jitter = 0; jitter <= 1; jitter += 0.01) {
        for (const double before : {0.0, 0.5, 1.0}) {
            CHECK(next_delay(interval, before, jitter) <= interval);
            CHECK(next_delay(interval, before, jitter) >= interval * 9 / 10 - Milliseconds(1));
        }
        CHECK(first_delay(interval, jitter) <= Milliseconds(1000));
        CHECK(second_delay(interval, jitter) <= interval);
    }
    CHECK(first_delay(Milliseconds(100), 1) == Milliseconds(100));
    CHECK(first_delay(interval, 0) != first_delay(interval, 1));
}

TEST_CASE("1000 backends are probed evenly over every second") {
    // This holds even if their checks begin at the same moment.
    for (const int interval : {1000, 2000, 5000}) {
        std::mt19937 random(7);
        std::uniform_real_distribution<double> jitter(0, 1);
        std::vector<int> probes(60);
        for (int i = 0; i < 1000; ++i) {
            const double phase = i / 1000.0; // evenly distributed, as the HealthChecker does it
            auto at = first_delay(Milliseconds(interval), phase);
            double before = 0, next = 0;
            for (bool first = true; at < Milliseconds(60'000); first = false) {
                ++probes[static_cast<std::size_t>(at.count() / 1000)];
                before = std::exchange(next, first ? 0 : jitter(random));
                at += first ? second_delay(Milliseconds(interval), phase)
                            : next_delay(Milliseconds(interval), before, next);
            }
        }
        const double mean = 1000.0 * 1000 / (interval * 0.95);
        INFO("interval " << interval);
        // All first probes come within a second, however long the interval is.
        for (std::size_t second = interval > 1000 ? 1 : 0; second < 60; ++second) CHECK(probes[second] <= 1.2 * mean);
    }
}
