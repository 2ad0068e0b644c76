#include "proxy/worker/worker_view.h"

#include <algorithm>
#include <utility>

namespace weir::proxy {

WorkerPool* WorkerView::find_pool(std::string_view name) const {
    const auto it =
        std::find_if(pools.begin(), pools.end(), [&](const auto& p) { return p->spec->config.name == name; });
    return it == pools.end() ? nullptr : it->get();
}

BackendLink& WorkerPool::link(std::size_t member) {
    if (!links[member]) links[member] = builder->make_link(spec->members[member].backend, superseded);
    return *links[member];
}

std::shared_ptr<BackendLink> WorkerViewBuilder::make_link(const balancer::BackendPtr& backend, bool superseded) {
    const auto it = links_.find(backend.get());
    if (it != links_.end()) return it->second;
    auto link = std::make_shared<BackendLink>(loop_, backend, worker_);
    if (superseded) { // the backend may have been removed: keep no idle connections
        link->retire();
        retired_.emplace(backend.get(), link);
    } else {
        links_[backend.get()] = link;
    }
    return link;
}

std::shared_ptr<BackendLink> WorkerViewBuilder::find_link(const balancer::BackendPtr& backend, const WorkerPool* old,
                                                          std::size_t place) const {
    // A reload leaves most members at the same index: look there first.
    const bool same_place = old && place < old->links.size() && old->spec->members[place].backend == backend;
    if (same_place && old->links[place]) return old->links[place];
    const auto it = links_.find(backend.get());
    return it == links_.end() ? nullptr : it->second;
}

std::shared_ptr<WorkerPool> WorkerViewBuilder::build_pool(std::shared_ptr<const PoolSpec> spec, const WorkerPool* old) {
    std::vector<balancer::Member> members;
    std::vector<std::shared_ptr<BackendLink>> links;
    members.reserve(spec->members.size());
    links.reserve(spec->members.size());
    for (const auto& member : spec->members) {
        const auto& config = spec->config_of(member);
        links.push_back(find_link(member.backend, old, links.size()));
        members.push_back({member.backend, member.weight, member.state, config.max_connections, config.backup});
    }
    const auto& config = spec->config;
    balancer::PoolSettings settings{config.algorithm,  spec->algorithm, config.panic_threshold,
                                    config.slow_start, worker_,         seeds_.next()};
    auto pool = std::make_shared<WorkerPool>(
        WorkerPool{std::move(spec), balancer::Pool(std::move(settings), std::move(members)), std::move(links), this});
    if (old) pool->balancer.adopt(old->balancer);
    return pool;
}

WorkerViewPtr WorkerViewBuilder::build(SnapshotPtr snapshot, const WorkerViewPtr& old) {
    std::unordered_map<std::string_view, const std::shared_ptr<WorkerPool>*> before;
    if (old)
        for (const auto& pool : old->pools) before[pool->spec->config.name] = &pool;
    auto view = std::make_shared<WorkerView>();
    if (old)
        for (const auto& pool : old->pools) pool->superseded = true; // reset below for the pools that stay
    for (const auto& spec : snapshot->pools) {
        const auto it = before.find(spec->config.name);
        const auto* known = it == before.end() ? nullptr : it->second;
        view->pools.push_back(known && (*known)->spec == spec ? *known
                                                              : build_pool(spec, known ? known->get() : nullptr));
        view->pools.back()->superseded = false;
    }
    view->snapshot = std::move(snapshot);
    retire_unused(*view);
    return view;
}

void WorkerViewBuilder::retire_unused(const WorkerView& view) {
    ++generation_;
    for (const auto& pool : view.pools)
        for (const auto& link : pool->links)
            if (link) link->used_in = generation_;
    std::erase_if(links_, [&](const auto& entry) {
        if (entry.second->used_in == generation_) return false;
        entry.second->retire();
        retired_.emplace(entry.first, entry.second);
        return true;
    });
    std::erase_if(retired_, [](const auto& entry) { return entry.second.expired(); });
}

void WorkerViewBuilder::close_idle(const balancer::Backend& backend) {
    if (const auto it = links_.find(&backend); it != links_.end()) it->second->close_idle();
}

// Returns the links in use and the retired ones that still exist, and keeps them alive while the caller cuts them.
std::vector<std::shared_ptr<BackendLink>> WorkerViewBuilder::links_to(const balancer::Backend& backend) const {
    std::vector<std::shared_ptr<BackendLink>> links;
    if (const auto it = links_.find(&backend); it != links_.end()) links.push_back(it->second);
    const auto [first, last] = retired_.equal_range(&backend);
    for (auto it = first; it != last; ++it)
        if (auto link = it->second.lock()) links.push_back(std::move(link));
    return links;
}

void WorkerViewBuilder::cut(const balancer::Backend& backend) {
    for (const auto& link : links_to(backend)) link->cut_all();
}

void WorkerViewBuilder::cut_tunnels(const balancer::Backend& backend) {
    for (const auto& link : links_to(backend)) link->cut_tunnels();
}

std::size_t WorkerViewBuilder::close_all_idle() {
    std::size_t closed = 0;
    for (auto& [_, link] : links_) closed += link->close_idle();
    return closed;
}

} // namespace weir::proxy
