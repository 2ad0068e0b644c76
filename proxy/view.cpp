#include "proxy/view.h"

#include <algorithm>
#include <random>
#include <unordered_set>

namespace weir::proxy {

std::shared_ptr<BackendLink> ViewBuilder::link_to(const balancer::BackendPtr& backend) {
    auto& link = links_[backend.get()];
    if (!link) link = std::make_shared<BackendLink>(loop_, backend, worker_);
    return link;
}

std::shared_ptr<WorkerPool> ViewBuilder::build_pool(std::shared_ptr<const PoolSpec> spec, const WorkerPool* old) {
    std::vector<balancer::Member> members;
    std::vector<std::shared_ptr<BackendLink>> links;
    for (const auto& member : spec->members) {
        const auto& config = spec->config_of(member);
        members.push_back({member.backend, member.weight, member.state, config.max_connections, config.backup});
        links.push_back(link_to(member.backend));
    }
    const auto& config = spec->config;
    balancer::PoolSettings settings{config.algorithm,  spec->algorithm, config.panic_threshold,
                                    config.slow_start, worker_,         std::random_device{}()};
    auto pool = std::make_shared<WorkerPool>(
        WorkerPool{spec, balancer::Pool(std::move(settings), std::move(members)), std::move(links)});
    if (old) pool->balancer.adopt(old->balancer);
    return pool;
}

ViewPtr ViewBuilder::build(SnapshotPtr snapshot, const ViewPtr& old) {
    std::unordered_map<std::string_view, const std::shared_ptr<WorkerPool>*> before;
    if (old)
        for (const auto& pool : old->pools) before[pool->spec->config.name] = &pool;
    auto view = std::make_shared<View>();
    std::unordered_set<const balancer::Backend*> used;
    for (const auto& spec : snapshot->pools) {
        const auto it = before.find(spec->config.name);
        const auto* known = it == before.end() ? nullptr : it->second;
        view->pools.push_back(known && (*known)->spec == spec ? *known
                                                              : build_pool(spec, known ? known->get() : nullptr));
        for (const auto& member : spec->members) used.insert(member.backend.get());
    }
    view->snapshot = std::move(snapshot);
    std::erase_if(links_, [&](const auto& entry) {
        if (used.contains(entry.first)) return false;
        entry.second->retire();
        retired_[entry.first] = entry.second;
        return true;
    });
    std::erase_if(retired_, [](const auto& entry) { return entry.second.expired(); });
    return view;
}

void ViewBuilder::close_idle(const balancer::Backend& backend) {
    if (const auto it = links_.find(&backend); it != links_.end()) it->second->close_idle();
}

void ViewBuilder::cut(const balancer::Backend& backend) {
    if (const auto it = links_.find(&backend); it != links_.end()) it->second->cut_all();
    const auto it = retired_.find(&backend);
    if (const auto link = it == retired_.end() ? nullptr : it->second.lock()) link->cut_all();
}

std::size_t ViewBuilder::close_all_idle() {
    std::size_t closed = 0;
    for (auto& [_, link] : links_) closed += link->close_idle();
    return closed;
}

} // namespace weir::proxy
