#include "proxy/runtime/override_store.h"
#include "tests/catch.h"
#include "tests/unit/proxy/runtime/support.h"

using namespace weir;
using namespace weir::proxy;
using conf::AdminState;

namespace {

SnapshotPtr snapshot_of(const conf::Config& config) {
    return SnapshotBuilder(1, nullptr).build(config, "", {}, nullptr);
}

void drain(Override& change) { change.state = AdminState::drain; }
void clear(Override& change) { change = {}; }

// A configuration whose backends send heartbeats.
conf::Config pushing(const std::vector<std::pair<std::string, std::string>>& backends) {
    auto config = tests::config_with(backends);
    config.pools[0].health_check.emplace().mode = conf::CheckMode::push;
    return config;
}

} // namespace

TEST_CASE("an operator's override belongs to a backend, not to its name") {
    OverrideStore store;
    const auto before = tests::config_with({{"a", "10.0.0.1:80"}}), after = tests::config_with({{"a", "10.0.0.2:80"}});
    CHECK_FALSE(store.edit(*snapshot_of(before), "web", "b", drain));
    CHECK(store.edit(*snapshot_of(before), "web", "a", drain));
    CHECK(store.all().operator_overrides.find("web", "a").state == AdminState::drain);
    store.follow(&before, after);
    CHECK(store.all().operator_override_for("web", after.pools[0].backends[0], "a").is_empty());
    CHECK(store.all().operator_override_for("web", before.pools[0].backends[0], "a").state == AdminState::drain);
    store.drop_ended(after); // a rollback is no longer possible
    CHECK(store.all().operator_overrides.all().empty());
}

TEST_CASE("an override of a backend that a rollback may bring back can be cleared") {
    OverrideStore store;
    const auto before = tests::config_with({{"a", "10.0.0.1:80"}}), after = tests::config_with({{"b", "10.0.0.2:80"}});
    CHECK(store.edit(*snapshot_of(before), "web", "a", drain));
    store.follow(&before, after);
    CHECK_FALSE(store.edit(*snapshot_of(after), "web", "a", drain));
    CHECK(store.edit(*snapshot_of(after), "web", "a", clear));
    CHECK(store.all().operator_overrides.all().empty());
}

TEST_CASE("an agent's override ends with its backend") {
    OverrideStore store;
    const auto before = pushing({{"a", "10.0.0.1:80"}, {"b", "10.0.0.2:80"}});
    const auto snapshot = snapshot_of(before);
    for (const auto& member : snapshot->pools[0]->members) {
        CHECK(store.set_agent_override(*member.backend, {AdminState::drain, {}, {}}));
        CHECK_FALSE(store.set_agent_override(*member.backend, {AdminState::drain, {}, {}}));
    }
    auto after = pushing({{"a", "10.0.0.9:80"}, {"b", "10.0.0.2:80"}}); // another backend has the name "a"
    store.follow(&before, after);
    CHECK(store.all().agent_overrides.find("web", "a").is_empty());
    CHECK(store.all().agent_overrides.find("web", "b").state == AdminState::drain);
    auto pulled = after;
    pulled.pools[0].health_check.reset(); // no heartbeat can change the override any more
    store.follow(&after, pulled);
    CHECK(store.all().agent_overrides.all().empty());
}

TEST_CASE("a new process takes over the overrides that still apply") {
    OverrideStore old, store;
    const auto config = pushing({{"a", "10.0.0.1:80"}});
    CHECK(old.edit(*snapshot_of(config), "web", "a", drain));
    CHECK(old.set_agent_override(*snapshot_of(config)->pools[0]->members[0].backend, {{}, 7, {}}));
    HotRestartState state;
    old.hand_over(state);
    state.operator_overrides.push_back({"web", "gone", {AdminState::maint, {}, {}}});
    state.agent_overrides.push_back({"web", "gone", {AdminState::maint, {}, {}}});
    store.inherit(state);
    store.follow(nullptr, config);
    CHECK(store.all().operator_overrides.all() == old.all().operator_overrides.all());
    CHECK(store.all().agent_overrides.all() == old.all().agent_overrides.all());
}
