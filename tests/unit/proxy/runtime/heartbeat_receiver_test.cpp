#include "proxy/runtime/heartbeat_receiver.h"
#include "tests/catch.h"

using namespace weir;
using namespace weir::proxy;

namespace {

const std::string token = "a token that nobody guesses";

// One pool with one backend that sends beats, and what is known of it.
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

// A desk, and what backends wished for there.
class Desk {
public:
    void update(const Beating& now, const SnapshotPtr& standby) {
        desk.update(*now.snapshot, standby, {{"web", token}});
    }
    int beat(std::uint32_t weight) {
        health::Beat beat{"web", "b0", ++sequence_, health::wall_ms()};
        beat.weight = weight;
        const auto signature = health::BeatKey(token).sign(beat);
        return desk
            .take(R"({"pool":"web","backend":"b0","sequence":)" + std::to_string(beat.sequence) + R"(,"time":)" +
                  std::to_string(beat.time_ms) + R"(,"weight":)" + std::to_string(weight) + R"(,"signature":")" +
                  signature + "\"}")
            .status;
    }

    boost::asio::io_context context;
    health::HealthChecker monitor{context, [](const auto&, auto, const auto&) {}};
    std::vector<std::pair<const balancer::Backend*, std::uint32_t>> agent_overrides;
    HeartbeatReceiver desk{monitor, [this](const auto& backend, const Override& wish) {
                               agent_overrides.emplace_back(backend.get(), wish.weight.value_or(0));
                           }};

private:
    std::uint64_t sequence_ = 0;
};

} // namespace

TEST_CASE("a backend that has moved is heard at both addresses while it may have to move back") {
    Desk desk;
    const Beating before(1001), after(1002);
    desk.update(before, nullptr);
    desk.monitor.watch({before.target(), after.target()});
    desk.update(after, before.snapshot);
    CHECK(desk.beat(5) == 200);
    CHECK(before.backend->verdict() == health::Verdict::up);
    CHECK(after.backend->verdict() == health::Verdict::up);
    desk.desk.forget_standby(*after.snapshot);
    CHECK(desk.monitor.find(*before.backend)->checks == 1);
    CHECK(desk.beat(5) == 200);
    CHECK(desk.monitor.find(*before.backend)->checks == 1);
    CHECK(desk.monitor.find(*after.backend)->checks == 2);
}

TEST_CASE("what a backend wishes for is not passed on between two configurations, nor for one that only stands by") {
    Desk desk;
    const Beating before(1001), after(1002);
    desk.update(before, nullptr);
    CHECK(desk.beat(5) == 200);
    REQUIRE(desk.agent_overrides.size() == 1);
    desk.desk.hold_wishes();
    CHECK(desk.beat(6) == 200);
    CHECK(desk.agent_overrides.size() == 1);
    desk.update(after, before.snapshot);
    CHECK(desk.beat(6) == 200);
    REQUIRE(desk.agent_overrides.size() == 2);
    CHECK(desk.agent_overrides[1] == std::pair<const balancer::Backend*, std::uint32_t>(after.backend.get(), 6));

    const Snapshot none;
    desk.desk.update(none, after.snapshot, {});
    CHECK(desk.beat(7) == 200); // heard: it may come back
    CHECK(desk.agent_overrides.size() == 2);
    desk.desk.forget_standby(none);
    CHECK(desk.beat(8) == 403); // its pool takes no beats any more
    CHECK(desk.agent_overrides.size() == 2);
}
