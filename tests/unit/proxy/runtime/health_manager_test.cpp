#include "proxy/runtime/health_manager.h"
#include "tests/catch.h"
#include "tests/support/probed_backend.h"
#include "tests/unit/proxy/runtime/support.h"

using namespace weir;
using namespace weir::proxy;
using namespace std::chrono_literals;
using balancer::Ejection;
using balancer::Verdict;

namespace {

// The pool "web" with the backend "b0", whose checks succeed or are refused, and others that are not checked.
class Managed : public tests::ProbedBackend, public tests::AppliedConfigs {
public:
    conf::Config config(std::uint32_t fall = 3) const {
        auto config = tests::config_with({{"b0", "unix:" + path()}});
        auto& check = config.pools[0].health_check.emplace();
        check.type = conf::CheckType::tcp;
        check.interval = 1s;
        check.timeout = 1s;
        check.fall = fall;
        config.pools[0].outlier_ejection = conf::OutlierEjection{5, 10s, {100}};
        return config;
    }
    void apply(const conf::Config& config) {
        build(config);
        manager.take_inherited(*snapshot);
        manager.update(snapshot);
    }
    const balancer::BackendPtr& b0() const { return snapshot->pools[0]->members[0].backend; }
    const health::Health& health() const { return *manager.monitor().find(*b0()); }
    // Takes the backend down, whatever its thresholds are.
    void go_down() {
        refuse();
        run_until([this] { return b0()->verdict() == Verdict::down; });
    }
    // Accepts all checks for this long.
    void pass_for(std::chrono::seconds time) {
        for (; time > 0s; time -= 1s) {
            clock.run_for(1s);
            while (accept()) {}
        }
    }

    HealthManager manager{context, closings};
};

} // namespace

TEST_CASE("a backend that goes down loses its idle connections") {
    Managed managed;
    auto config = managed.config();
    SECTION("and, if on_down says so, its tunnels") {
        config.pools[0].on_down = conf::OnDown::close;
        managed.apply(config);
        managed.go_down();
        CHECK(managed.closings.take() == "idle b0, tunnels b0");
    }
    SECTION("but keeps its tunnels otherwise, until on_down says so") {
        managed.apply(config);
        managed.go_down();
        CHECK(managed.closings.take() == "idle b0");
        config.pools[0].on_down = conf::OnDown::close;
        managed.apply(config);
        CHECK(managed.closings.take() == "tunnels b0");
        managed.apply(config);
        CHECK(managed.closings.take().empty());
    }
}

TEST_CASE("a changed check keeps the backend's verdict until it has its own") {
    Managed managed;
    managed.apply(managed.config());
    managed.go_down();
    const auto since = managed.health().since;
    managed.listen();
    managed.apply(managed.config(7));
    CHECK(managed.b0()->verdict() == Verdict::down);
    CHECK(managed.health().progress == health::Progress{});
    CHECK(managed.health().since == since);
    managed.pass_for(5s);
    CHECK(managed.b0()->verdict() == Verdict::up);
}

TEST_CASE("a backend that fails live requests is out of service for a while") {
    Managed managed;
    auto config = managed.config();
    config.pools[0].on_down = conf::OnDown::close;
    managed.apply(config);
    managed.pass_for(3s);
    managed.manager.report(managed.b0());
    CHECK(managed.b0()->ejection() == Ejection::ejected);
    CHECK(managed.closings.take() == "idle b0, tunnels b0");
    managed.pass_for(5s);
    CHECK(managed.b0()->ejection() == Ejection::ejected); // its checks do not end the ejection
    managed.apply(managed.config());                      // nor does a reload
    managed.pass_for(4s);
    CHECK(managed.b0()->ejection() == Ejection::ejected);
    managed.pass_for(1s);
    CHECK(managed.b0()->ejection() == Ejection::none);
    CHECK(managed.b0()->verdict() == Verdict::up);
}

TEST_CASE("backends of the previous configuration are checked while it stands by") {
    Managed managed;
    managed.apply(managed.config());
    managed.pass_for(3s);
    const auto backend = managed.b0();
    const auto previous = managed.snapshot;
    managed.manager.stand_by(previous);
    managed.apply(tests::config_with({{"other", "10.0.0.1:80"}}));
    CHECK(backend->verdict() == Verdict::up);
    managed.refuse();
    managed.clock.run_for(5s);
    CHECK(backend->verdict() == Verdict::down);
    CHECK(managed.closings.take() == "idle b0");
    managed.manager.stand_by(nullptr);
    CHECK(backend->verdict() == Verdict::unknown);
    CHECK(managed.manager.monitor().find(*backend) == nullptr);
}

TEST_CASE("a rollback restores the health that a worse check has changed") {
    Managed managed;
    managed.apply(managed.config());
    managed.pass_for(5s);
    const auto since = managed.health().since;
    const auto good = managed.snapshot;
    managed.manager.stand_by(good);
    auto worse = managed.config();
    worse.pools[0].health_check->type = conf::CheckType::heartbeat; // the backend does not answer heartbeats
    worse.pools[0].health_check->fall = 1;
    managed.apply(worse);
    managed.pass_for(5s);
    CHECK(managed.b0()->verdict() == Verdict::down);
    managed.manager.restore();
    managed.apply(good->config);
    CHECK(managed.b0()->verdict() == Verdict::up);
    CHECK(managed.health().since == since);
    CHECK(managed.health().progress.passes >= 4);
}

TEST_CASE("a rollback returns the backends that were ejected since the change") {
    for (const bool before : {false, true}) {
        Managed managed;
        managed.apply(managed.config());
        if (before) managed.manager.report(managed.b0());
        managed.manager.stand_by(managed.snapshot);
        managed.apply(managed.config(7));
        if (!before) managed.manager.report(managed.b0());
        CHECK(managed.b0()->ejection() == Ejection::ejected);
        managed.apply(managed.config());
        managed.manager.uneject();
        CHECK((managed.b0()->ejection() == Ejection::ejected) == before);
    }
}

TEST_CASE("a new process continues with the health records of the old one") {
    Managed managed;
    managed.apply(managed.config());
    managed.go_down();
    managed.clock.run_for(1h);
    const auto notes = managed.manager.notes(*managed.snapshot);
    REQUIRE(notes.size() == 1);

    Managed successor;
    auto config = managed.config();
    config.pools[0].on_down = conf::OnDown::close;
    successor.manager.inherit(notes);
    successor.apply(config); // its checks go to the same socket
    CHECK(successor.b0()->verdict() == Verdict::down);
    CHECK(successor.health().since == notes[0].since);
    CHECK(successor.health().progress == notes[0].progress);
    managed.listen();
    successor.clock.run_for(5s);
    CHECK(successor.b0()->verdict() == Verdict::up);
}
