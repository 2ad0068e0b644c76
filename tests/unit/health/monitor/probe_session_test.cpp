#include "health/monitor/health_checker.h"
#include "tests/catch.h"
#include "tests/support/probed_backend.h"
#include "tests/support/verdict_log.h"

using namespace weir;
using namespace weir::health;
using namespace std::chrono_literals;

namespace {

// A backend that is checked by TCP connections, which it accepts or refuses.
class Checked : public tests::ProbedBackend {
public:
    static conf::HealthCheck check(conf::Duration interval) {
        conf::HealthCheck check;
        check.type = conf::CheckType::tcp;
        check.interval = interval;
        check.timeout = 1s;
        check.fall = 3;
        check.rise = 2;
        return check;
    }

    const Health& health() const { return *checker.find(*backend); }
    // Lets time pass until the next check has ended.
    void run_check() {
        run_until([this, before = health().checks] { return health().checks > before; });
        while (accept()) {}
    }

    tests::VerdictLog log;
    HealthChecker checker{context, log};
};

} // namespace

TEST_CASE("checks are an interval apart, less up to a tenth of it") {
    Checked checked;
    const auto began = checked.clock.now();
    checked.checker.watch({{checked.backend, checked.check(10s)}});
    std::vector<Clock::TimePoint> times;
    for (int i = 0; i < 40; ++i) {
        checked.run_check();
        times.push_back(checked.clock.now());
    }
    CHECK(times[0] - began <= 1s);
    CHECK(times[1] - times[0] <= 10s);
    for (std::size_t i = 2; i < times.size(); ++i) {
        CHECK(times[i] - times[i - 1] >= 9s);
        CHECK(times[i] - times[i - 1] <= 10s);
    }
    const auto all = times.back() - times[1]; // jitter does not add up
    CHECK(all >= 38 * 9500ms - 1s);
    CHECK(all <= 38 * 9500ms + 1s);
}

TEST_CASE("many backends are checked at different times") {
    Checked checked;
    std::vector<Target> targets;
    for (int i = 0; i < 100; ++i) {
        auto backend = std::make_shared<balancer::Backend>("web", "b" + std::to_string(i), checked.backend->address(),
                                                           1, std::make_shared<balancer::PoolState>(1, nullptr));
        targets.push_back({std::move(backend), checked.check(10s)});
    }
    checked.checker.watch(targets);
    checked.clock.run_for(30s); // the checks are spread by then
    for (int i = 0; i < 10; ++i) {
        std::uint64_t before = 0, after = 0;
        for (const auto& target : targets) before += checked.checker.find(*target.backend)->checks;
        checked.clock.run_for(1s);
        for (const auto& target : targets) after += checked.checker.find(*target.backend)->checks;
        CHECK(after - before >= 2);
        CHECK(after - before <= 24);
        while (checked.accept()) {}
    }
}

TEST_CASE("a backend falls after `fall` failures and rises after `rise` passes") {
    Checked checked;
    checked.checker.watch({{checked.backend, checked.check(1s)}});
    checked.run_check();
    CHECK(checked.backend->verdict() == Verdict::up); // the first pass is enough at the start
    const auto up_since = checked.health().since;
    CHECK(up_since == checked.clock.wall_now());
    CHECK(checked.backend->ramp_start() == balancer::TimePoint()); // no slow start right after a start

    checked.refuse();
    checked.run_check();
    checked.run_check();
    CHECK(checked.backend->verdict() == Verdict::up);
    CHECK(checked.health().since == up_since);
    checked.run_check();
    CHECK(checked.backend->verdict() == Verdict::down);
    CHECK(checked.health().since == checked.clock.wall_now());
    CHECK(checked.health().last_check->at == checked.clock.wall_now());
    CHECK(checked.health().ejections == 1);

    checked.listen();
    checked.run_check();
    CHECK(checked.backend->verdict() == Verdict::down);
    checked.run_check();
    CHECK(checked.backend->verdict() == Verdict::up);
    CHECK(checked.backend->ramp_start() == checked.clock.now());
    CHECK(checked.log.verdicts == std::vector{Verdict::up, Verdict::down, Verdict::up});
}

TEST_CASE("a dead backend is down within interval x fall + timeout") {
    Checked checked;
    checked.checker.watch({{checked.backend, checked.check(5s)}});
    for (int i = 0; i < 10; ++i) checked.run_check();
    checked.refuse();
    const auto died = checked.clock.now();
    checked.run_until([&] { return checked.backend->verdict() == Verdict::down; });
    CHECK(checked.clock.now() - died <= 3 * 5s + 1s);
    CHECK(checked.clock.now() - died >= 2 * 4500ms);
}

TEST_CASE("a check without an answer fails when its timeout has passed") {
    Checked checked;
    auto check = checked.check(10s);
    check.type = conf::CheckType::http;
    check.timeout = 2s;
    check.fall = 1;
    checked.checker.watch({{checked.backend, check}});
    checked.clock.run_for(1s); // the first check is under way now
    CHECK(checked.health().checks == 0);
    checked.clock.run_for(2s);
    CHECK(checked.backend->verdict() == Verdict::down);
    CHECK(checked.health().last_check->duration == 2s);
    CHECK(checked.health().last_failure == "no answer within 2s");
}

TEST_CASE("a process that was suspended does not catch up on its checks") {
    Checked checked;
    checked.checker.watch({{checked.backend, checked.check(1s)}});
    checked.run_check();
    checked.clock.suspend_for(1h);
    const auto before = checked.health().checks;
    checked.clock.run_for(10s);
    CHECK(checked.health().checks - before <= 13);
}

TEST_CASE("backends without a check are up, and stopped ones have no health") {
    Checked checked;
    checked.checker.watch({{checked.backend, std::nullopt}});
    CHECK(checked.backend->verdict() == Verdict::up);
    checked.checker.stop();
    CHECK(checked.checker.find(*checked.backend) == nullptr);
    CHECK(checked.backend->verdict() == Verdict::unknown); // it may be added again with a check
}

TEST_CASE("a backend that is added later starts slowly once it is up") {
    Checked first, later;
    first.checker.watch({{first.backend, first.check(1s)}});
    first.run_check();
    first.checker.watch({{first.backend, first.check(1s)}, {later.backend, later.check(1s)}});
    first.run_until([&] { return later.backend->verdict() == Verdict::up; });
    CHECK(later.backend->ramp_start() == first.clock.now());
    CHECK(first.backend->ramp_start() == balancer::TimePoint());
}
