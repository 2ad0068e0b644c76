#include "proxy/health_watch.h"

#include <spdlog/spdlog.h>

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

health::Target target_of(const PoolSpec& pool, const MemberSpec& member) {
    return {member.backend, pool.config.health_check, pool.config.send_proxy_protocol};
}

} // namespace

HealthWatch::HealthWatch(boost::asio::io_context& control, OnOut on_out)
    : on_out_(std::move(on_out)),
      monitor_(control,
               [this](const auto& backend, auto before, const auto& health) { on_verdict(backend, before, health); }),
      ejector_(control, [this](const auto& backend, auto time) { on_ejection(backend, time); }) {}

void HealthWatch::update(const Snapshot& now) {
    std::vector<health::Target> targets;
    std::set<const balancer::Backend*> used;
    std::vector<health::OutlierPool> pools;
    for (const auto& pool : now.pools) {
        auto& outliers = pools.emplace_back(health::OutlierPool{{}, pool->config.outlier_ejection});
        for (const auto& member : pool->members) {
            used.insert(member.backend.get());
            targets.push_back(target_of(*pool, member));
            if (outliers.rules && member.state == conf::AdminState::ready) outliers.backends.push_back(member.backend);
        }
    }
    for (const auto& pool : standby_ ? standby_->pools : decltype(now.pools){}) {
        auto& outliers = pools.emplace_back(health::OutlierPool{{}, pool->config.outlier_ejection});
        for (const auto& member : pool->members) {
            if (used.contains(member.backend.get())) continue;
            targets.push_back(target_of(*pool, member));
            outliers.backends.push_back(member.backend);
        }
    }
    monitor_.watch(targets);
    ejector_.watch(pools);
}

void HealthWatch::stand_by(SnapshotPtr previous, const Snapshot& now) {
    standby_notes_ = previous ? notes(*previous) : std::vector<HealthNote>();
    ejected_before_.clear();
    for (const auto& pool : previous ? previous->pools : decltype(now.pools){})
        for (const auto& member : pool->members)
            if (member.backend->ejection() == balancer::Ejection::ejected) ejected_before_.insert(member.backend.get());
    const auto ended = std::exchange(standby_, std::move(previous));
    if (ended && !standby_) update(now);
}

void HealthWatch::restore(const Snapshot& now) {
    std::set<std::tuple<std::string, std::string, std::string>> here;
    std::set<std::string> as_before; // pools that are checked as they were: what is known of them now is newer
    for (const auto& pool : now.pools)
        for (const auto& member : pool->members) here.insert(identity_of(*member.backend));
    for (const auto& old : standby_ ? standby_->pools : decltype(now.pools){})
        for (const auto& pool : now.pools)
            if (pool->config.name == old->config.name && pool->config.health_check == old->config.health_check &&
                pool->config.send_proxy_protocol == old->config.send_proxy_protocol)
                as_before.insert(pool->config.name);
    for (auto& note : standby_notes_)
        if (here.contains({note.pool, note.name, note.address}) && !as_before.contains(note.pool))
            inherited_.push_back(std::move(note)); // whoever only stood by was looked at all the time
    standby_notes_.clear();
}

void HealthWatch::pardon(const Snapshot& now) {
    if (!standby_) return; // nobody has noted who was out
    for (const auto& pool : now.pools)
        for (const auto& member : pool->members)
            if (!ejected_before_.contains(member.backend.get())) ejector_.pardon(*member.backend);
}

void HealthWatch::take_inherited(const Snapshot& next) {
    if (inherited_.empty()) return;
    std::map<std::tuple<std::string, std::string, std::string>, const HealthNote*> known;
    for (const auto& note : inherited_) known[{note.pool, note.name, note.address}] = &note;
    for (const auto& pool : next.pools)
        for (const auto& member : pool->members) {
            const auto it = known.find(identity_of(*member.backend));
            if (it != known.end()) monitor_.inherit(member.backend, it->second->verdict, it->second->progress);
        }
    inherited_.clear();
}

std::vector<HealthNote> HealthWatch::notes(const Snapshot& snapshot) const {
    std::vector<HealthNote> notes;
    for (const auto& pool : snapshot.pools)
        for (const auto& member : pool->members) {
            const auto& backend = *member.backend;
            if (const auto* health = monitor_.find(backend))
                notes.push_back(
                    {backend.pool(), backend.name(), backend.address().text(), backend.verdict(), health->progress});
        }
    return notes;
}

void HealthWatch::on_ejection(const balancer::BackendPtr& backend, conf::Duration time) {
    if (time.count() == 0) return spdlog::info("backend {} is back on trial", name_of(*backend));
    on_out_(backend);
    spdlog::warn("backend {} fails requests: ejected for {}", name_of(*backend), conf::format(time));
}

void HealthWatch::on_verdict(const balancer::BackendPtr& backend, health::Verdict before,
                             const health::Health& health) {
    if (backend->verdict() == health::Verdict::down) {
        on_out_(backend);
        spdlog::warn("backend {} is down: {}", name_of(*backend), health.why);
    } else if (before == health::Verdict::down) {
        spdlog::info("backend {} is up again", name_of(*backend));
    } else {
        spdlog::debug("backend {} is up", name_of(*backend));
    }
}

} // namespace weir::proxy
