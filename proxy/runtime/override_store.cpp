#include "proxy/runtime/override_store.h"

#include "proxy/snapshot/override_fates.h"

#include <spdlog/spdlog.h>

#include <optional>

namespace weir::proxy {
namespace {

// Returns the configured address of the backend with this name, which may be one of several resolved from a host name.
std::optional<conf::BackendAddress> address_of(const Snapshot& snapshot, const std::string& pool,
                                               const std::string& name) {
    for (const auto& p : snapshot.pools) {
        if (p->config.name != pool) continue;
        for (const auto& member : p->members)
            if (member.backend->name() == name || p->config_of(member).name == name)
                return p->config_of(member).address;
    }
    return std::nullopt;
}

// Returns the configured address of the backend with this name if its pool uses heartbeats.
std::optional<conf::BackendAddress> heartbeat_address(const conf::Config& config, const std::string& pool,
                                                      const std::string& name) {
    for (const auto& p : config.pools) {
        if (p.name != pool || !p.health_check || p.health_check->mode != conf::CheckMode::push) continue;
        for (const auto& backend : p.backends)
            if (backend.name == name) return backend.address;
    }
    return std::nullopt;
}

// An agent override belongs to one backend: it ends with that backend, even if another takes over its name.
void drop_ended_agents(Overrides& overrides, const conf::Config* before, const conf::Config& next) {
    const auto all = overrides.all();
    for (const auto& [key, _] : all) {
        const auto now = heartbeat_address(next, key.first, key.second);
        const auto old = before ? heartbeat_address(*before, key.first, key.second) : now; // null: inherited
        if (!now || old != now) overrides.set(key.first, key.second, {});
    }
}

} // namespace

void OverrideStore::inherit(const HotRestartState& old) {
    for (const auto& [pool, name, change] : old.operator_overrides)
        overrides_.operator_overrides.set(pool, name, change);
    for (const auto& [pool, name, change] : old.agent_overrides) overrides_.agent_overrides.set(pool, name, change);
}

void OverrideStore::hand_over(HotRestartState& state) const {
    for (const auto& [key, change] : overrides_.operator_overrides.all())
        state.operator_overrides.push_back({key.first, key.second, change});
    for (const auto& [key, change] : overrides_.agent_overrides.all())
        state.agent_overrides.push_back({key.first, key.second, change});
}

bool OverrideStore::edit(const Snapshot& in_force, const std::string& pool, const std::string& backend,
                         const std::function<void(Override&)>& edit) {
    const auto address = address_of(in_force, pool, backend);
    auto change = overrides_.operator_overrides.find(pool, backend);
    const bool left = !address && !change.is_empty(); // of the canary's configuration, which may be rolled back
    if (address && !change.belongs_to(*address)) change = {};
    edit(change);
    if (!address && !(left && change.is_empty())) return false;
    if (address) change.address = *address;
    overrides_.operator_overrides.set(pool, backend, change);
    return true;
}

bool OverrideStore::set_agent_override(const balancer::Backend& backend, const Override& agent_override) {
    auto& overrides = overrides_.agent_overrides;
    if (overrides.find(backend.pool(), backend.name()) == agent_override) return false;
    overrides.set(backend.pool(), backend.name(), agent_override);
    return true;
}

void OverrideStore::follow(const conf::Config* before, const conf::Config& next) {
    drop_ended_agents(overrides_.agent_overrides, before, next);
    follow_renames(overrides_.operator_overrides, before ? pool_names(*before) : PoolNames(), next);
    if (!before) proxy::drop_ended(overrides_.operator_overrides, next); // inherited from an old process
}

void OverrideStore::drop_ended(const conf::Config& config) {
    for (const auto& fate : proxy::drop_ended(overrides_.operator_overrides, config)) spdlog::info("{}", fate.text());
}

} // namespace weir::proxy
