#include "proxy/runtime/heartbeat_receiver.h"
#include "tests/catch.h"
#include "tests/support/verdict_log.h"
#include "tests/unit/support/manual_clock.h"

using namespace weir;
using namespace weir::proxy;

namespace {

const std::string token = "a token that is hard to guess";

// One pool with one backend that sends beats, and the state of this backend.
class Beating {
public:
    explicit Beating(std::uint16_t port) {
        auto pool = std::make_shared<PoolSpec>();
        pool->config.name = "web";
        pool->config.health_check.emplace();
        pool->config.health_check->mode = conf::CheckMode::push;
        backend =
            std::make_shared<balancer::Backend>("web", "b0", *conf::Address::parse("127.0.0.1:" + std::to_string(port)),
                                                1, std::make_shared<balancer::PoolState>(1, nullptr));
        pool->members.push_back({backend, 0, 1, conf::AdminState::ready});
        auto made = std::make_shared<Snapshot>();
        made->pools.push_back(std::move(pool));
        snapshot = made;
    }
    health::Target target() const { return {backend, snapshot->pools[0]->config.health_check}; }

    balancer::BackendPtr backend;
    SnapshotPtr snapshot;
};

// A receiver, and the overrides that backends requested from it.
class Fixture : private AgentOverrideListener {
public:
    void update(const Beating& now, const SnapshotPtr& standby) {
        receiver.update(*now.snapshot, standby, {{"web", token}});
    }
    int beat(std::uint32_t weight) {
        health::Beat beat{"web", "b0", ++sequence_, health::wall_ms(clock)};
        beat.weight = weight;
        const auto signature = health::BeatKey(token).sign(beat);
        return receiver
            .take(R"({"pool":"web","backend":"b0","sequence":)" + std::to_string(beat.sequence) + R"(,"time":)" +
                  std::to_string(beat.time_ms) + R"(,"weight":)" + std::to_string(weight) + R"(,"signature":")" +
                  signature + "\"}")
            .status;
    }

    boost::asio::io_context context;
    test::ManualClock clock{context};
    tests::VerdictLog log;
    health::HealthChecker checker{context, log};
    std::vector<std::pair<const balancer::Backend*, std::uint32_t>> agent_overrides;
    HeartbeatReceiver receiver{clock, checker, *this};

private:
    void on_agent_override(const balancer::BackendPtr& backend, const Override& requested) override {
        agent_overrides.emplace_back(backend.get(), requested.weight.value_or(0));
    }

    std::uint64_t sequence_ = 0;
};

} // namespace

TEST_CASE("a backend that moved may beat from both addresses until it is final") {
    // A rollback may move the backend back.
    Fixture fixture;
    const Beating before(1001), after(1002);
    fixture.update(before, nullptr);
    fixture.checker.watch({before.target(), after.target()});
    fixture.update(after, before.snapshot);
    CHECK(fixture.beat(5) == 200);
    CHECK(before.backend->verdict() == health::Verdict::up);
    CHECK(after.backend->verdict() == health::Verdict::up);
    fixture.receiver.forget_standby(*after.snapshot);
    CHECK(fixture.checker.find(*before.backend)->checks == 1);
    CHECK(fixture.beat(5) == 200);
    CHECK(fixture.checker.find(*before.backend)->checks == 1);
    CHECK(fixture.checker.find(*after.backend)->checks == 2);
}

TEST_CASE("agent overrides are ignored during a change and for standby backends") {
    Fixture fixture;
    const Beating before(1001), after(1002);
    fixture.update(before, nullptr);
    CHECK(fixture.beat(5) == 200);
    REQUIRE(fixture.agent_overrides.size() == 1);
    fixture.receiver.hold_agent_overrides();
    CHECK(fixture.beat(6) == 200);
    CHECK(fixture.agent_overrides.size() == 1);
    fixture.update(after, before.snapshot);
    CHECK(fixture.beat(6) == 200);
    REQUIRE(fixture.agent_overrides.size() == 2);
    CHECK(fixture.agent_overrides[1] == std::pair<const balancer::Backend*, std::uint32_t>(after.backend.get(), 6));

    const Snapshot none;
    fixture.receiver.update(none, after.snapshot, {});
    CHECK(fixture.beat(7) == 200); // accepted, because the backend may come back
    CHECK(fixture.agent_overrides.size() == 2);
    fixture.receiver.forget_standby(none);
    CHECK(fixture.beat(8) == 403); // its pool no longer accepts beats
    CHECK(fixture.agent_overrides.size() == 2);
}
