#include "proxy/runtime/health_manager.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace weir::proxy {
namespace {

std::string name_of(const balancer::Backend& backend) { return backend.pool() + "/" + backend.name(); }

std::tuple<std::string, std::string, std::string> identity_of(const balancer::Backend& backend) {
    return {backend.pool(), backend.name(), backend.address().text()};
}

// Returns the pool's health check with the backend's own settings filled in.
health::Target target_of(const PoolSpec& pool, const MemberSpec& member) {
    health::Target target{member.backend, pool.config.health_check, pool.config.send_proxy_protocol};
    if (!target.check) return target;
    if (target.check->tls) target.tls = {pool.tls, member.host};
    // Other checks do not depend on it, and continue when it changes.
    if (target.check->type == conf::CheckType::http) target.protocol = pool.config.protocol;
    auto& check = *target.check;
    const auto& config = pool.config_of(member);
    if (config.health_check_port) check.port = config.health_check_port;
    // A server that speaks TLS expects the name in its certificate.
    if (check.host.empty() && check.tls && pool.config.tls) check.host = pool.config.tls->server_name;
    if (check.host.empty() && config.address.is_name())
        check.host = config.address.host + ":" + std::to_string(check.port ? check.port : config.address.port);
    return target;
}

// Returns null if there is no such pool.
const PoolSpec* find_pool(const Snapshot& snapshot, const std::string& name) {
    const auto& pools = snapshot.pools;
    const auto it =
        std::find_if(pools.begin(), pools.end(), [&](const auto& pool) { return pool->config.name == name; });
    return it == pools.end() ? nullptr : it->get();
}

} // namespace

HealthManager::HealthManager(boost::asio::io_context& control, ConnectionCloser& connections)
    : connections_(connections), checker_(control, *this), outlier_detector_(control, *this) {}

void HealthManager::update(SnapshotPtr now) {
    const auto before = std::exchange(in_force_, std::move(now));
    watch();
    if (before) close_tunnels_now(*before);
}

void HealthManager::watch() {
    std::vector<health::Target> targets;
    std::set<const balancer::Backend*> used;
    std::vector<health::OutlierPool> pools;
    for (const auto& pool : in_force_->pools) {
        auto& outliers = pools.emplace_back(health::OutlierPool{{}, pool->config.outlier_ejection});
        for (const auto& member : pool->members) {
            used.insert(member.backend.get());
            targets.push_back(target_of(*pool, member));
            if (outliers.rules && member.state == conf::AdminState::ready) outliers.backends.push_back(member.backend);
        }
    }
    for (const auto& pool : standby_ ? standby_->pools : decltype(Snapshot::pools){}) {
        auto& outliers = pools.emplace_back(health::OutlierPool{{}, pool->config.outlier_ejection});
        for (const auto& member : pool->members) {
            if (used.contains(member.backend.get())) continue;
            targets.push_back(target_of(*pool, member));
            outliers.backends.push_back(member.backend);
        }
    }
    checker_.watch(targets);
    outlier_detector_.watch(pools);
}

void HealthManager::stand_by(SnapshotPtr previous) {
    standby_notes_ = previous ? notes(*previous) : std::vector<HealthRecord>();
    ejected_before_.clear();
    for (const auto& pool : previous ? previous->pools : decltype(Snapshot::pools){})
        for (const auto& member : pool->members)
            if (member.backend->ejection() == balancer::Ejection::ejected) ejected_before_.insert(member.backend.get());
    const auto ended = std::exchange(standby_, std::move(previous));
    if (ended && !standby_) watch();
}

// Backends whose check did not change have newer records than those saved at the change.
void HealthManager::restore() {
    using Targets = std::map<std::tuple<std::string, std::string, std::string>, health::Target>;
    const auto targets_of = [](const Snapshot& snapshot) {
        Targets targets;
        for (const auto& pool : snapshot.pools)
            for (const auto& member : pool->members)
                targets.emplace(identity_of(*member.backend), target_of(*pool, member));
        return targets;
    };
    const auto here = targets_of(*in_force_), before = standby_ ? targets_of(*standby_) : Targets{};
    for (auto& note : standby_notes_) {
        const auto new_one = here.find({note.pool, note.name, note.address});
        const auto old_one = before.find({note.pool, note.name, note.address});
        if (new_one == here.end()) continue; // it was in the standby only, and was checked throughout
        if (old_one != before.end() && new_one->second.has_check_of(old_one->second)) continue;
        inherited_.push_back(std::move(note));
    }
    standby_notes_.clear();
}

void HealthManager::uneject() {
    if (!standby_) return; // no record of which backends were ejected before
    for (const auto& pool : in_force_->pools)
        for (const auto& member : pool->members)
            if (!ejected_before_.contains(member.backend.get())) outlier_detector_.uneject(*member.backend);
}

void HealthManager::take_inherited(const Snapshot& next) {
    if (inherited_.empty()) return;
    std::map<std::tuple<std::string, std::string, std::string>, const HealthRecord*> known;
    for (const auto& note : inherited_) known[{note.pool, note.name, note.address}] = &note;
    for (const auto& pool : next.pools)
        for (const auto& member : pool->members) {
            const auto it = known.find(identity_of(*member.backend));
            if (it == known.end()) continue;
            const auto& note = *it->second;
            checker_.inherit(member.backend, note.verdict, {note.progress, note.since});
        }
    inherited_.clear();
}

std::vector<HealthRecord> HealthManager::notes(const Snapshot& snapshot) const {
    std::vector<HealthRecord> notes;
    for (const auto& pool : snapshot.pools)
        for (const auto& member : pool->members) {
            const auto& backend = *member.backend;
            if (const auto* health = checker_.find(backend))
                notes.push_back({backend.pool(), backend.name(), backend.address().text(), backend.verdict(),
                                 health->progress, health->since});
        }
    return notes;
}

void HealthManager::on_ejection(const balancer::BackendPtr& backend, conf::Duration time) {
    close_connections_to(backend);
    spdlog::warn("backend {} fails live requests: ejected for {}", name_of(*backend), conf::format(time));
}

void HealthManager::on_return(const balancer::BackendPtr& backend) {
    spdlog::info("backend {} is no longer ejected: live requests decide whether it stays", name_of(*backend));
}

void HealthManager::on_verdict(const balancer::BackendPtr& backend, health::Verdict before,
                               const health::Health& health) {
    if (backend->verdict() == health::Verdict::down) {
        close_connections_to(backend);
        spdlog::warn("backend {} is down: {}", name_of(*backend), health.last_failure);
    } else if (before == health::Verdict::down) {
        spdlog::info("backend {} is up again", name_of(*backend));
    } else {
        spdlog::debug("backend {} is up", name_of(*backend));
    }
}

void HealthManager::on_advice(const balancer::BackendPtr& backend, const std::string& advice) {
    spdlog::warn("backend {} stays down: {}", name_of(*backend), advice);
}

// Closes the connections to a backend that has gone down or was ejected.
void HealthManager::close_connections_to(const balancer::BackendPtr& backend) {
    connections_.close_idle_to(backend);
    for (const auto& snapshot : {in_force_, standby_}) {
        if (!snapshot) continue;
        const auto* pool = find_pool(*snapshot, backend->pool());
        if (!pool) continue; // it may have left the configuration and be watched as standby
        if (pool->config.on_down == conf::OnDown::close) connections_.cut_tunnels_to(backend);
        return;
    }
}

// Closes tunnels to backends that are already down, in pools that close tunnels from this change on.
void HealthManager::close_tunnels_now(const Snapshot& before) {
    for (const auto& pool : in_force_->pools) {
        if (pool->config.on_down != conf::OnDown::close) continue;
        const auto* old = find_pool(before, pool->config.name);
        if (!old || old->config.on_down == conf::OnDown::close) continue;
        for (const auto& member : pool->members)
            if (member.backend->is_sick()) connections_.cut_tunnels_to(member.backend);
    }
}

} // namespace weir::proxy
