#include "balancer/pool_state.h"
#include "health/monitor/outlier_detector.h"
#include "tests/catch.h"
#include "tests/unit/support/manual_clock.h"

using namespace weir;
using namespace weir::health;
using namespace std::chrono_literals;

namespace {

// A pool of four backends, and a record of their events: "-b0 10" is an ejection of 10 s, "+b0" a return.
class Pool : private EjectionListener {
public:
    Pool() {
        const auto state = std::make_shared<balancer::PoolState>(1, nullptr);
        for (int i = 0; i < 4; ++i)
            backends.push_back(std::make_shared<balancer::Backend>("web", "b" + std::to_string(i),
                                                                   *conf::Address::parse("127.0.0.1:1"), 1, state));
        watch();
    }

    void watch() { detector.watch({{backends, conf::OutlierEjection{5, 10s, {50}}}}); }
    bool is_out(std::size_t i) const { return backends[i]->ejection() == balancer::Ejection::ejected; }

    boost::asio::io_context context;
    test::ManualClock clock{context};
    std::vector<balancer::BackendPtr> backends;
    std::string events;
    OutlierDetector detector{context, *this};

private:
    void on_ejection(const balancer::BackendPtr& backend, conf::Duration time) override {
        events += "-" + backend->name() + " " + std::to_string(time / 1s) + " ";
    }
    void on_return(const balancer::BackendPtr& backend) override { events += "+" + backend->name() + " "; }
};

} // namespace

TEST_CASE("an ejected backend returns on probation after base_time") {
    Pool pool;
    pool.detector.report(pool.backends[0]);
    CHECK(pool.is_out(0));
    CHECK(pool.detector.last_change(*pool.backends[0]) == pool.clock.wall_now());
    pool.clock.run_for(9999ms);
    CHECK(pool.is_out(0));
    pool.clock.run_for(1ms);
    CHECK_FALSE(pool.is_out(0));
    CHECK(pool.events == "-b0 10 +b0 ");
    CHECK(pool.backends[0]->note_error() == 5); // the next error is reported
    CHECK(pool.backends[0]->ramp_start() == pool.clock.now());
    CHECK(pool.detector.last_change(*pool.backends[0]) == pool.clock.wall_now());
}

TEST_CASE("each ejection in a row lasts longer, and good conduct shortens it") {
    Pool pool;
    for (int i = 0; i < 3; ++i) {
        pool.detector.report(pool.backends[0]);
        pool.clock.run_for((i + 1) * 10s);
    }
    CHECK(pool.events == "-b0 10 +b0 -b0 20 +b0 -b0 30 +b0 ");
    pool.clock.run_for(20s); // long enough to forget two of the three ejections
    pool.detector.report(pool.backends[0]);
    CHECK(pool.events.ends_with("-b0 20 "));
    CHECK(pool.detector.ejections(*pool.backends[0]) == 4);
}

TEST_CASE("no more than max_ejected of a pool is ejected") {
    Pool pool;
    pool.backends[3]->set_verdict(balancer::Verdict::down); // a backend that is down counts as well
    pool.detector.report(pool.backends[0]);
    pool.backends[1]->set_errors(5);
    pool.detector.report(pool.backends[1]);
    CHECK_FALSE(pool.is_out(1));
    CHECK(pool.backends[1]->note_error() == 1); // its errors are counted from zero
    CHECK(pool.events == "-b0 10 ");
}

TEST_CASE("a backend that is ejected again after a pardon stays out for its time") {
    Pool pool;
    pool.detector.report(pool.backends[0]);
    pool.clock.run_for(4s);
    pool.detector.uneject(*pool.backends[0]);
    CHECK_FALSE(pool.is_out(0));
    CHECK(pool.backends[0]->note_error() == 1); // it is not on probation
    pool.detector.report(pool.backends[0]);
    pool.clock.run_for(9s); // the timer of the first ejection would have ended
    CHECK(pool.is_out(0));
    pool.clock.run_for(1s);
    CHECK(pool.events == "-b0 10 +b0 -b0 10 +b0 ");
}

TEST_CASE("an ejection survives a reload, and ends with the rules of the pool") {
    Pool pool;
    pool.detector.report(pool.backends[0]);
    pool.watch();
    CHECK(pool.is_out(0));
    pool.detector.watch({{pool.backends, std::nullopt}});
    CHECK_FALSE(pool.is_out(0));
    pool.clock.run_for(1h);
    CHECK(pool.events == "-b0 10 +b0 ");
}
