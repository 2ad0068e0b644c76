#include "proxy/snapshot_builder.h"
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

TEST_CASE("for any two configurations, what the edit did not touch is the very same thing at run time") {
    std::mt19937 random(5);
    int same_pools = 0, same_backends = 0;
    for (int i = 0; i < 500; ++i) {
        SnapshotBuilder builder(2, nullptr);
        const auto before = tests::random_config(random);
        auto after = tests::random_config(random);
        for (auto& pool : after.pools) // an edit leaves most as it is
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

TEST_CASE("what is changed at run time stands over the file and makes a pool another one") {
    std::mt19937 random(1);
    auto config = tests::random_config(random);
    while (config.pools[0].backends.empty()) config = tests::random_config(random);
    SnapshotBuilder builder(1, nullptr);
    const auto& backend = config.pools[0].backends[0];
    Overrides overrides;
    overrides.set("p0", backend.name, {conf::AdminState::maint, 77});
    const auto plain = builder.build(config, "1", {}, nullptr), changed = builder.build(config, "1", overrides, plain);
    CHECK(changed->pools[0] != plain->pools[0]);
    CHECK(changed->pools[0]->members[0].weight == 77);
    CHECK(changed->pools[0]->members[0].state == conf::AdminState::maint);
    CHECK(changed->pools[0]->members[0].backend == plain->pools[0]->members[0].backend);
    CHECK(changed->pools[0]->config == config.pools[0]);
    CHECK(builder.build(config, "1", overrides, changed)->pools[0] == changed->pools[0]);
    CHECK(builder.build(config, "1", {}, changed)->pools[0]->members == plain->pools[0]->members);
}
