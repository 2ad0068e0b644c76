#include "proxy/runtime/connection_reaper.h"

#include "base/timer.h"

#include <algorithm>
#include <set>

namespace weir::proxy {
namespace {

// Returns the traffic paths to pools that set close_after, with that limit.
std::map<TrafficPath, conf::Duration> limited_paths(const Snapshot& snapshot) {
    std::map<TrafficPath, conf::Duration> paths;
    const auto add = [&](const std::string& listener, const std::string& route, const PoolSpec& pool) {
        if (pool.config.close_after) paths[{listener, route, pool.config.name}] = *pool.config.close_after;
    };
    for (const auto& listener : snapshot.listeners) {
        for (const auto pool : listener->direct_pools()) add(listener->config.name, "", *snapshot.pools[pool]);
        for (const auto index : listener->routes) {
            const auto& route = snapshot.routes[index];
            for (const auto pool : route.pools()) add(listener->config.name, route.config.name, *snapshot.pools[pool]);
        }
    }
    return paths;
}

bool has_path(const Snapshot& snapshot, const TrafficPath& path) {
    const auto leads_to = [&](std::size_t pool) { return snapshot.pools[pool]->config.name == path.pool; };
    return std::any_of(snapshot.listeners.begin(), snapshot.listeners.end(), [&](const auto& listener) {
        if (listener->config.name != path.listener) return false;
        const auto direct = listener->direct_pools();
        if (path.route.empty()) return std::any_of(direct.begin(), direct.end(), leads_to);
        return std::any_of(listener->routes.begin(), listener->routes.end(), [&](std::size_t index) {
            const auto& route = snapshot.routes[index];
            const auto pools = route.pools();
            return route.config.name == path.route && std::any_of(pools.begin(), pools.end(), leads_to);
        });
    });
}

} // namespace

struct ConnectionReaper::ScheduledClose {
    ScheduledClose(boost::asio::io_context& control, std::function<void()> what)
        : close(std::move(what)), timer(control) {}

    std::function<void()> close;
    Timer timer;
    bool done = false;
};

void ConnectionReaper::schedule(ScheduledClosePtr& scheduled, conf::Duration after, std::function<void()> close) {
    const auto end = clock_of(control_).now() + after;
    if (scheduled && (scheduled->done || scheduled->timer.expiry() <= end))
        return; // an earlier deadline is already set
    scheduled = std::make_shared<ScheduledClose>(control_, std::move(close));
    scheduled->timer.expires_at(end);
    scheduled->timer.wait([weak = std::weak_ptr(scheduled)](WaitEnd how) {
        const auto self = weak.lock();
        if (how == WaitEnd::cancelled || !self) return;
        self->done = true; // the entry stays: one period of maintenance closes connections once
        self->close();
    });
}

void ConnectionReaper::update(const SnapshotPtr& before, const SnapshotPtr& now) {
    update_backends(before, *now);
    update_paths(before, *now);
}

void ConnectionReaper::update_backends(const SnapshotPtr& before, const Snapshot& now) {
    const auto schedule_close = [this](const balancer::BackendPtr& backend, conf::Duration after) {
        schedule(backends_[backend.get()], after, [this, backend] { connections_.cut(backend); });
    };
    std::set<const balancer::Backend*> wanted;
    for (const auto& pool : now.pools)
        for (const auto& member : pool->members) {
            if (member.state == conf::AdminState::maint)
                schedule_close(member.backend, now.config.process.drain_timeout);
            else if (backends_.erase(member.backend.get()) > 0) // back in service, with slow start if configured
                member.backend->set_ramp_start(clock_of(control_).now());
            wanted.insert(member.backend.get());
        }
    if (before)
        for (const auto& pool : before->pools)
            for (const auto& member : pool->members)
                if (pool->config.close_after && !wanted.contains(member.backend.get()))
                    schedule_close(member.backend, *pool->config.close_after);
    // Removes entries of backends that have left the configuration and whose connections were closed.
    std::erase_if(backends_, [&](const auto& entry) { return !wanted.contains(entry.first) && entry.second->done; });
}

void ConnectionReaper::update_paths(const SnapshotPtr& before, const Snapshot& now) {
    std::erase_if(paths_, [&](const auto& entry) { return entry.second->done || has_path(now, entry.first); });
    if (!before) return;
    for (const auto& [path, after] : limited_paths(*before))
        if (!has_path(now, path)) schedule(paths_[path], after, [this, gone = path] { connections_.cut(gone); });
}

} // namespace weir::proxy
