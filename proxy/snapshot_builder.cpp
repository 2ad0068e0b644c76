#include "proxy/snapshot_builder.h"

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

std::shared_ptr<const PoolSpec> find_pool(const SnapshotPtr& snapshot, const std::string& name) {
    if (!snapshot) return nullptr;
    const auto it = std::find_if(snapshot->pools.begin(), snapshot->pools.end(),
                                 [&](const auto& p) { return p->config.name == name; });
    return it == snapshot->pools.end() ? nullptr : *it;
}

} // namespace

std::shared_ptr<const PoolSpec> SnapshotBuilder::build_pool(const conf::Pool& pool, const conf::Timeouts& global,
                                                            const SnapshotPtr& old) {
    const auto timeouts = put_over(global, pool.timeouts);
    if (auto known = find_pool(old, pool.name); known && known->config == pool && known->timeouts == timeouts)
        return known;
    auto spec = std::make_shared<PoolSpec>(PoolSpec{pool, timeouts, {}});
    for (const auto& backend : pool.backends)
        spec->backends.push_back(backends_.find_or_make(pool.name, backend.name, backend.address));
    return spec;
}

std::shared_ptr<ListenerStats> SnapshotBuilder::stats_of(const std::string& listener) {
    auto& known = stats_[listener];
    if (auto stats = known.lock()) return stats;
    auto made = std::make_shared<ListenerStats>(workers_);
    known = made;
    return made;
}

SnapshotPtr SnapshotBuilder::build(conf::Config config, std::string hash, const SnapshotPtr& old) {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->generation = old ? old->generation + 1 : 1;
    snapshot->hash = std::move(hash);
    std::unordered_map<std::string, std::size_t> pool_index;
    for (const auto& pool : config.pools) {
        pool_index[pool.name] = snapshot->pools.size();
        snapshot->pools.push_back(build_pool(pool, config.timeouts, old));
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
