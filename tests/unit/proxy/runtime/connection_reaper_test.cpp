#include "proxy/runtime/connection_reaper.h"
#include "tests/catch.h"
#include "tests/unit/proxy/runtime/support.h"
#include "tests/unit/support/manual_clock.h"

using namespace weir;
using namespace weir::proxy;
using namespace std::chrono_literals;

namespace {

const std::pair<std::string, std::string> a{"a", "10.0.0.1:80"}, b{"b", "10.0.0.2:80"};

// A reaper, and the configurations that come into force one after the other.
class Bench : public tests::AppliedConfigs {
public:
    static conf::Config config(const std::vector<std::pair<std::string, std::string>>& backends) {
        auto config = tests::config_with(backends);
        config.process.drain_timeout = 30s;
        config.pools[0].close_after = 10s;
        config.pools[0].slow_start = 60s;
        return config;
    }
    void apply(const conf::Config& config) {
        const auto before = build(config);
        reaper.update(before, snapshot);
    }
    void apply(const std::vector<std::pair<std::string, std::string>>& backends) { apply(config(backends)); }
    // Sets a backend of the only pool to maintenance.
    void maintain(std::size_t backend) {
        auto next = snapshot->config;
        next.pools[0].backends[backend].state = conf::AdminState::maint;
        apply(next);
    }

    boost::asio::io_context context;
    test::ManualClock clock{context};
    ConnectionReaper reaper{context, closings};
};

// Lets this much time pass. Returns what is closed at its end, or "too early" if anything is closed before.
std::string closed_after(Bench& bench, std::chrono::milliseconds time) {
    bench.clock.run_for(time - 1ms);
    if (!bench.closings.take().empty()) return "too early";
    bench.clock.run_for(1ms);
    return bench.closings.take();
}

} // namespace

TEST_CASE("connections to a removed backend end after close_after, not earlier") {
    Bench bench;
    bench.apply({a, b});
    bench.apply({a});
    CHECK(closed_after(bench, 10s) == "cut b");
    bench.clock.run_for(1h);
    CHECK(bench.closings.take().empty());
}

TEST_CASE("without close_after, connections to a removed backend stay") {
    Bench bench;
    auto config = bench.config({a, b});
    config.pools[0].close_after.reset();
    bench.apply(config);
    bench.apply({a});
    bench.clock.run_for(24h);
    CHECK(bench.closings.take().empty());
}

TEST_CASE("a backend that comes back in time keeps its connections") {
    Bench bench;
    bench.apply({a, b});
    bench.apply({a});
    bench.clock.run_for(9s);
    bench.apply({a, b});
    bench.clock.run_for(1h);
    CHECK(bench.closings.take().empty());
    SECTION("and has its whole time when it is removed a second time") {
        bench.apply({a});
        CHECK(closed_after(bench, 10s) == "cut b");
    }
}

TEST_CASE("further reloads do not postpone the end of connections") {
    Bench bench;
    bench.apply({a, b});
    bench.apply({a});
    for (int i = 0; i < 9; ++i) {
        bench.clock.run_for(1s);
        bench.apply({a, {"c" + std::to_string(i), "10.0.1.1:80"}});
    }
    CHECK(bench.closings.take().empty());
    bench.clock.run_for(1s);
    CHECK(bench.closings.take().find("cut b") != std::string::npos);
}

TEST_CASE("connections to a backend in maintenance end after the drain timeout") {
    Bench bench;
    bench.apply({a, b});
    bench.maintain(1);
    CHECK(closed_after(bench, 30s) == "cut b");
    bench.maintain(0); // b is still in maintenance: its connections are closed once
    bench.clock.run_for(1h);
    CHECK(bench.closings.take() == "cut a");
}

TEST_CASE("a backend that returns from maintenance starts slowly") {
    Bench bench;
    bench.apply({a, b});
    bench.maintain(1);
    bench.clock.run_for(10s);
    bench.apply({a, b});
    const auto& members = bench.snapshot->pools[0]->members;
    CHECK(members[1].backend->ramp_start() == bench.clock.now());
    CHECK(members[0].backend->ramp_start() == balancer::TimePoint());
    bench.clock.run_for(1h);
    CHECK(bench.closings.take().empty());
}

TEST_CASE("if two time limits are set for a backend, the earlier one counts") {
    Bench bench;
    bench.apply({a, b});
    bench.maintain(1); // b's connections may last for 30 s
    bench.clock.run_for(25s);
    bench.apply({a}); // the removal of b sets another limit, 10 s from now
    bench.clock.run_for(5s);
    CHECK(bench.closings.take() == "cut b");
    bench.clock.run_for(1h);
    CHECK(bench.closings.take().empty());
}

TEST_CASE("connections through a removed listener end after close_after") {
    Bench bench;
    bench.apply({a});
    auto next = bench.config({a});
    next.listeners[0].name = "other";
    bench.apply(next);
    CHECK(closed_after(bench, 10s) == "cut in//web");
    bench.apply({a}); // the first listener is back
    bench.clock.run_for(10s);
    CHECK(bench.closings.take() == "cut other//web");
}
