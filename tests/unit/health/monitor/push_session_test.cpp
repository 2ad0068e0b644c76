#include "health/monitor/health_checker.h"
#include "tests/catch.h"
#include "tests/support/verdict_log.h"
#include "tests/unit/support/manual_clock.h"

#include "balancer/pool_state.h"

using namespace weir;
using namespace weir::health;
using namespace std::chrono_literals;

namespace {

// A backend that sends heartbeats. One is expected every second; if three are missing, the backend is down.
class Sender {
public:
    Sender() { checker.watch({{backend, check()}}); }

    static conf::HealthCheck check() {
        conf::HealthCheck check;
        check.mode = conf::CheckMode::push;
        check.interval = 1s;
        check.fall = 3;
        check.rise = 2;
        return check;
    }
    void beat(int times = 1, Clock::TimePoint::duration pace = 1s) {
        for (int i = 0; i < times; ++i) {
            clock.run_for(pace);
            checker.beat(*backend);
        }
    }

    boost::asio::io_context context;
    test::ManualClock clock{context};
    tests::VerdictLog log;
    balancer::BackendPtr backend = std::make_shared<balancer::Backend>(
        "web", "b0", *conf::Address::parse("127.0.0.1:1"), 1, std::make_shared<balancer::PoolState>(1, nullptr));
    HealthChecker checker{context, log};
};

} // namespace

TEST_CASE("a backend that has never sent a heartbeat stays unknown") {
    Sender sender;
    sender.clock.run_for(1h);
    CHECK(sender.backend->verdict() == Verdict::unknown);
}

TEST_CASE("a backend is down when `fall` intervals pass without a heartbeat") {
    Sender sender;
    sender.beat(10);
    CHECK(sender.backend->verdict() == Verdict::up);
    sender.clock.run_for(2990ms);
    CHECK(sender.backend->verdict() == Verdict::up);
    sender.clock.run_for(40ms); // the timer is up to 25 ms late
    CHECK(sender.backend->verdict() == Verdict::down);
    CHECK(sender.checker.find(*sender.backend)->last_failure == "no heartbeat for 3s");
    sender.beat();
    CHECK(sender.backend->verdict() == Verdict::down); // `rise` is 2
    sender.beat();
    CHECK(sender.backend->verdict() == Verdict::up);
    CHECK(sender.log.verdicts == std::vector{Verdict::up, Verdict::down, Verdict::up});
}

TEST_CASE("a backend whose heartbeats are too far apart stays down, with advice") {
    Sender sender;
    sender.beat(3);
    sender.beat(5, 4s);
    CHECK(sender.backend->verdict() == Verdict::down);
    CHECK(sender.log.verdicts == std::vector{Verdict::up, Verdict::down}); // it does not flap
    REQUIRE(sender.log.advice.size() == 1);
    CHECK(sender.log.advice[0].find("raise interval or fall") != std::string::npos);
}

TEST_CASE("a backend that another process knew as up must keep sending heartbeats") {
    Sender sender;
    sender.checker.inherit(sender.backend, Verdict::up, {{5, 0}, std::nullopt});
    sender.checker.watch({{sender.backend, sender.check()}});
    CHECK(sender.checker.find(*sender.backend)->progress == Progress{5, 0});
    sender.clock.run_for(2990ms);
    CHECK(sender.backend->verdict() == Verdict::up);
    sender.clock.run_for(40ms);
    CHECK(sender.backend->verdict() == Verdict::down);
}
