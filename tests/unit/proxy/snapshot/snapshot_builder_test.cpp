#include "proxy/snapshot/snapshot_builder.h"
#include "tests/catch.h"
#include "tests/support/random_config.h"

#include <algorithm>
#include <map>
#include <tuple>

using namespace weir;
using namespace weir::proxy;

namespace {

using Identity = std::tuple<std::string, std::string, std::string>;

std::map<Identity, balancer::BackendPtr> backends_of(const Snapshot& snapshot) {
    std::map<Identity, balancer::BackendPtr> out;
    for (const auto& pool : snapshot.pools)
        for (const auto& member : pool->members)
            out[{pool->config.name, member.backend->name(), member.backend->address().text()}] = member.backend;
    return out;
}

} // namespace

TEST_CASE("for any two configurations, unchanged parts are shared at run time") {
    std::mt19937 random(5);
    int same_pools = 0, same_backends = 0;
    for (int i = 0; i < 500; ++i) {
        SnapshotBuilder builder(2, nullptr);
        const auto before = tests::random_config(random);
        auto after = tests::random_config(random);
        for (auto& pool : after.pools) // a typical reload leaves most pools unchanged
            for (const auto& other : before.pools)
                if (pool.name == other.name && random() % 2) pool = other;
        const auto old = builder.build(before, "1", {}, nullptr);
        const auto now = builder.build(after, "2", {}, old);
        for (const auto& pool : now->pools) {
            const auto it = std::find_if(old->pools.begin(), old->pools.end(),
                                         [&](const auto& p) { return p->config.name == pool->config.name; });
            const bool untouched = it != old->pools.end() && (*it)->config == pool->config;
            REQUIRE(untouched == (it != old->pools.end() && *it == pool));
            same_pools += untouched;
        }
        const auto had = backends_of(*old);
        for (const auto& [who, backend] : backends_of(*now)) {
            const auto it = had.find(who);
            if (it != had.end()) REQUIRE(it->second == backend);
            same_backends += it != had.end();
            for (const auto& [other, ptr] : had) REQUIRE((ptr == backend) == (other == who));
        }
        for (const auto& listener : now->listeners)
            for (const auto& other : old->listeners)
                REQUIRE((listener->stats == other->stats) == (listener->config.name == other->config.name));
    }
    CHECK(same_pools > 10);
    CHECK(same_backends > 1000);
}

TEST_CASE("run-time changes override the file and produce a new pool") {
    std::mt19937 random(1);
    auto config = tests::random_config(random);
    while (config.pools[0].backends.empty()) config = tests::random_config(random);
    SnapshotBuilder builder(1, nullptr);
    const auto& backend = config.pools[0].backends[0];
    BuildInputs adjusted;
    adjusted.adjustments.operator_overrides.set("p0", backend.name, {conf::AdminState::maint, 77});
    const auto plain = builder.build(config, "1", {}, nullptr), changed = builder.build(config, "1", adjusted, plain);
    CHECK(changed->pools[0] != plain->pools[0]);
    CHECK(changed->pools[0]->members[0].weight == 77);
    CHECK(changed->pools[0]->members[0].state == conf::AdminState::maint);
    CHECK(changed->pools[0]->members[0].backend == plain->pools[0]->members[0].backend);
    CHECK(changed->pools[0]->config == config.pools[0]);
    CHECK(builder.build(config, "1", adjusted, changed)->pools[0] == changed->pools[0]);
    CHECK(builder.build(config, "1", {}, changed)->pools[0]->members == plain->pools[0]->members);
}

TEST_CASE("agents only make the file stricter and the operator has the last word") {
    using conf::AdminState;
    RuntimeOverrides adjustments;
    const auto effective_state = [&](AdminState state) {
        conf::Backend backend;
        backend.name = "b";
        backend.weight = 5;
        backend.state = state;
        return adjustments.effective_state("p", backend, "b");
    };
    adjustments.agent_overrides.set("p", "b", {AdminState::drain, 9});
    CHECK(effective_state(AdminState::ready) == std::pair(AdminState::drain, 9u));
    CHECK(effective_state(AdminState::maint) == std::pair(AdminState::maint, 9u));
    adjustments.operator_overrides.set("p", "b", {AdminState::ready, std::nullopt});
    CHECK(effective_state(AdminState::maint) == std::pair(AdminState::ready, 9u));
}

TEST_CASE("a name becomes one backend per address, and each keeps its state") {
    conf::Config config;
    auto& pool = config.pools.emplace_back();
    pool.name = "p";
    pool.backends.push_back({"app", *conf::BackendAddress::parse("App.test:80"), 3});
    SnapshotBuilder builder(1, nullptr);
    const auto one = *conf::Address::parse("10.0.0.1:9"), two = *conf::Address::parse("[fd00::1]:9");
    BuildInputs now{{}, {{"app.test", {one, two}}}};
    now.adjustments.operator_overrides.set("p", "app", {std::nullopt, 7});
    now.adjustments.operator_overrides.set("p", "app@fd00::1", {conf::AdminState::drain, std::nullopt});
    const auto first = builder.build(config, "1", now, nullptr);
    const auto& members = first->pools[0]->members;
    REQUIRE(members.size() == 2);
    CHECK(members[0].backend->name() == "app@10.0.0.1");
    CHECK(members[0].backend->address().text() == "10.0.0.1:80");
    CHECK(members[1].backend->address().text() == "[fd00::1]:80");
    CHECK(members[0].weight == 7);
    CHECK(members[1].state == conf::AdminState::drain); // its own override precedes the common one
    CHECK(members[1].weight == 3);
    now.addresses["app.test"] = {two};
    const auto second = builder.build(config, "1", now, first);
    REQUIRE(second->pools[0]->members.size() == 1);
    CHECK(second->pools[0]->members[0].backend == members[1].backend);
}

TEST_CASE("requests in progress stay counted unless the route or its key changes") {
    SnapshotBuilder builder(1, nullptr);
    conf::Config config;
    config.pools.emplace_back().name = "web";
    auto& route = config.routes.emplace_back();
    route.name = "api";
    route.pool = "web";
    route.concurrency_limit = conf::ConcurrencyLimit{2, {}};
    auto snapshot = builder.build(config, "1", {}, nullptr);
    const auto is_kept = [&] {
        const auto old = snapshot;
        snapshot = builder.build(config, "2", {}, old);
        return snapshot->routes[0].concurrency == old->routes[0].concurrency;
    };
    CHECK(is_kept());
    route.body_size = conf::Size{1024};
    CHECK(is_kept());
    route.concurrency_limit->max = 7;
    CHECK(is_kept());
    CHECK(snapshot->routes[0].config.concurrency_limit->max == 7);
    route.concurrency_limit->by = {conf::ClientKey::Kind::header, "X-Key"};
    CHECK_FALSE(is_kept());
    route.match.path = "/x";
    CHECK_FALSE(is_kept());
    route.name = "other";
    CHECK_FALSE(is_kept());
    route.concurrency_limit.reset();
    CHECK_FALSE(is_kept());
    CHECK(snapshot->routes[0].concurrency == nullptr);
}
