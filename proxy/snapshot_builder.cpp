#include "proxy/snapshot_builder.h"

#include "balancer/stickiness.h"

#include <algorithm>
#include <unordered_map>

namespace weir::proxy {
namespace {

conf::Timeouts put_over(conf::Timeouts timeouts, const conf::TimeoutOverrides& overrides) {
    timeouts.connect = overrides.connect.value_or(timeouts.connect);
    timeouts.response = overrides.response.value_or(timeouts.response);
    timeouts.tunnel = overrides.tunnel.value_or(timeouts.tunnel);
    return timeouts;
}

bool leads_from(const conf::Route& route, const std::string& listener) {
    const auto& only = route.match.listeners;
    return only.empty() || std::find(only.begin(), only.end(), listener) != only.end();
}

} // namespace

std::vector<MemberSpec> SnapshotBuilder::find_members(const conf::Pool& pool, const Circumstances& now) {
    std::vector<MemberSpec> members;
    const auto add = [&](std::size_t i, const std::string& name, const conf::Address& address) {
        const auto [state, weight] = now.adjustments.standing(pool.name, pool.backends[i], name);
        members.push_back({backends_.find_or_make(pool.name, name, address), i, weight, state});
    };
    for (std::size_t i = 0; i < pool.backends.size(); ++i) {
        const auto& backend = pool.backends[i];
        if (!backend.address.is_name()) {
            add(i, backend.name, backend.address.ip);
            continue;
        }
        const auto found = now.addresses.find(backend.address.host);
        for (auto address : found == now.addresses.end() ? std::vector<conf::Address>() : found->second) {
            address.set_port(backend.address.port);
            add(i, backend.name + "@" + address.ip_text(), address);
        }
    }
    return members;
}

std::shared_ptr<const PoolSpec> SnapshotBuilder::build_pool(const conf::Pool& pool, const conf::Timeouts& global,
                                                            const Circumstances& now,
                                                            const std::shared_ptr<const PoolSpec>& known) {
    const auto timeouts = put_over(global, pool.timeouts);
    auto members = find_members(pool, now);
    if (known && known->config == pool && known->timeouts == timeouts && known->members == members) return known;
    std::vector<balancer::Entry> entries;
    auto spec = std::make_shared<PoolSpec>(PoolSpec{pool, timeouts, std::move(members), nullptr, {}});
    for (std::size_t i = 0; i < spec->members.size(); ++i) {
        const auto& member = spec->members[i];
        entries.push_back({member.backend->name(), member.weight});
        if (pool.sticky) spec->marks[balancer::sticky_mark(pool.name, member.backend->name())] = i;
    }
    spec->algorithm = balancer::prepare_algorithm(pool.algorithm, entries);
    return spec;
}

std::shared_ptr<ListenerStats> SnapshotBuilder::stats_of(const std::string& listener) {
    auto& known = stats_[listener];
    if (auto stats = known.lock()) return stats;
    auto made = std::make_shared<ListenerStats>(workers_);
    known = made;
    return made;
}

SnapshotPtr SnapshotBuilder::build(conf::Config config, std::string hash, const Circumstances& now,
                                   const SnapshotPtr& old) {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->generation = old ? old->generation + 1 : 1;
    snapshot->hash = std::move(hash);
    std::unordered_map<std::string, std::shared_ptr<const PoolSpec>> known;
    if (old)
        for (const auto& pool : old->pools) known[pool->config.name] = pool;
    std::unordered_map<std::string, std::size_t> pool_index;
    for (const auto& pool : config.pools) {
        pool_index[pool.name] = snapshot->pools.size();
        snapshot->pools.push_back(build_pool(pool, config.timeouts, now, known[pool.name]));
    }
    for (const auto& route : config.routes) {
        const auto pool = pool_index.at(route.pool);
        snapshot->routes.push_back({route, pool, put_over(snapshot->pools[pool]->timeouts, route.timeouts)});
    }
    for (const auto& listener : config.listeners) {
        auto spec = std::make_shared<ListenerSpec>(ListenerSpec{listener, no_pool, {}, stats_of(listener.name)});
        if (!listener.pool.empty()) spec->pool = pool_index.at(listener.pool);
        for (std::size_t i = 0; i < config.routes.size(); ++i)
            if (leads_from(config.routes[i], listener.name)) spec->routes.push_back(i);
        snapshot->listeners.push_back(std::move(spec));
    }
    snapshot->config = std::move(config);
    return snapshot;
}

void SnapshotBuilder::prune() {
    backends_.prune();
    std::erase_if(stats_, [](const auto& entry) { return entry.second.expired(); });
}

} // namespace weir::proxy
