#include "proxy/snapshot/override_fates.h"

#include "conf/model/scalar.h"

namespace weir::proxy {
namespace {

const conf::Pool* find_pool(const conf::Config& config, const std::string& name) {
    for (const auto& pool : config.pools)
        if (pool.name == name) return &pool;
    return nullptr;
}

// Returns the part of a name that distinguishes the addresses of one host name: "@10.0.0.1".
std::string member_part(const conf::Pool& pool, const std::string& name) {
    for (const auto& backend : pool.backends)
        if (backend.name == name) return {};
    const auto at = name.rfind('@');
    return at == std::string::npos ? std::string() : name.substr(at);
}

// Returns what becomes of an override in the pool of the same name.
OverrideFate fate_in(const conf::Pool& there, const std::string& backend, const Override& setting) {
    OverrideFate fate{OverrideFate::Kind::ends, there.name, backend, there.name, "", setting};
    const auto part = member_part(there, backend);
    const auto base = backend.substr(0, backend.size() - part.size());
    for (const auto& candidate : there.backends) {
        if (!setting.belongs_to(candidate.address)) continue;
        if (candidate.name == base || candidate.name == backend) {
            fate.kind = OverrideFate::Kind::stays;
            return fate;
        }
        if (!setting.address.is_set() || fate.kind == OverrideFate::Kind::moves) continue;
        fate.kind = OverrideFate::Kind::moves;
        fate.to = candidate.name + (candidate.address.is_name() ? part : "");
    }
    return fate;
}

OverrideFate fate_of(const PoolNames& pools, const conf::Config& next, const std::string& pool,
                     const std::string& backend, const Override& setting) {
    if (const auto* there = find_pool(next, pool)) return fate_in(*there, backend, setting);
    OverrideFate fate{OverrideFate::Kind::ends, pool, backend, "", "", setting};
    for (const auto& candidate : next.pools) {
        if (pools.contains(candidate.name) || !setting.address.is_set()) continue;
        const auto in_candidate = fate_in(candidate, backend, setting);
        if (in_candidate.kind == OverrideFate::Kind::ends) continue;
        const bool first = fate.to_pool.empty();
        fate.kind = first ? OverrideFate::Kind::moves : OverrideFate::Kind::ends; // ambiguous
        fate.to_pool = candidate.name;
        fate.to = in_candidate.kind == OverrideFate::Kind::moves ? in_candidate.to : backend;
    }
    return fate;
}

} // namespace

std::string OverrideFate::text() const {
    std::string what;
    if (setting.state) what = conf::Scalar<conf::AdminState>::format(*setting.state);
    if (setting.weight) what += (what.empty() ? "weight " : ", weight ") + std::to_string(*setting.weight);
    const auto subject = "override " + pool + "/" + backend + " (" + what + ")";
    const bool has_pool = to_pool == pool;
    switch (kind) {
    case Kind::stays: return subject + " is kept";
    case Kind::moves:
        return subject + " moves to " + to_pool + "/" + to + ": the " + (has_pool ? "backend" : "pool") + " is renamed";
    case Kind::ends: break;
    }
    return subject + " ends: the backend " + setting.address.text() + " is removed";
}

PoolNames pool_names(const conf::Config& config) {
    PoolNames names;
    for (const auto& pool : config.pools) names.insert(pool.name);
    return names;
}

std::vector<OverrideFate> override_fates(const Overrides& operator_overrides, const PoolNames& pools,
                                         const conf::Config& next) {
    std::vector<OverrideFate> fates;
    for (const auto& [key, setting] : operator_overrides.all())
        fates.push_back(fate_of(pools, next, key.first, key.second, setting));
    return fates;
}

bool is_override_in_force(const conf::Config& config, const std::string& pool, const std::string& backend,
                          const Override& setting) {
    const auto* there = find_pool(config, pool);
    return there && fate_in(*there, backend, setting).kind == OverrideFate::Kind::stays;
}

// Clears all moved overrides before it sets any: two backends may swap their names.
void follow_renames(Overrides& operator_overrides, const PoolNames& pools, const conf::Config& next) {
    auto fates = override_fates(operator_overrides, pools, next);
    std::erase_if(fates, [](const auto& fate) { return fate.kind != OverrideFate::Kind::moves; });
    for (const auto& fate : fates) operator_overrides.set(fate.pool, fate.backend, {});
    for (const auto& fate : fates) operator_overrides.set(fate.to_pool, fate.to, fate.setting);
}

std::vector<OverrideFate> drop_ended(Overrides& operator_overrides, const conf::Config& config) {
    auto fates = override_fates(operator_overrides, pool_names(config), config);
    std::erase_if(fates, [](const auto& fate) { return fate.kind != OverrideFate::Kind::ends; });
    for (const auto& fate : fates) operator_overrides.set(fate.pool, fate.backend, {});
    return fates;
}

} // namespace weir::proxy
