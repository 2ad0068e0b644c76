// One worker's view of a snapshot, with the worker's own balancing state and connections.
//
// Thread: one worker's thread. Building is cheap: pools that a reload did not change are reused.
// Lifetime: an exchange keeps the view that it began with; the last user frees it.
#pragma once

#include "balancer/pool.h"
#include "proxy/snapshot/snapshot.h"
#include "proxy/worker/backend_link.h"

#include <memory>
#include <random>
#include <unordered_map>
#include <vector>

namespace weir::proxy {

class WorkerViewBuilder;

struct WorkerPool {
    std::shared_ptr<const PoolSpec> spec;
    balancer::Pool balancer;
    std::vector<std::shared_ptr<BackendLink>> links; // one for each member; null until it is used
    WorkerViewBuilder* builder;
    bool superseded = false; // the pool was replaced or removed

    BackendLink& link(std::size_t member);
};

struct WorkerView {
    SnapshotPtr snapshot;
    std::vector<std::shared_ptr<WorkerPool>> pools; // one for each pool of the snapshot

    WorkerPool* find_pool(std::string_view name) const; // null if there is none
};

using WorkerViewPtr = std::shared_ptr<const WorkerView>;

// Builds views and carries state from one to the next. It must outlive all users of its views.
class WorkerViewBuilder {
public:
    WorkerViewBuilder(EventLoop& loop, std::size_t worker)
        : loop_(loop), worker_(worker), seeds_(std::random_device{}()) {}

    // Builds the view of `snapshot`, with the state of the pools that have not changed since `old` (null for the first
    // view).
    WorkerViewPtr build(SnapshotPtr snapshot, const WorkerViewPtr& old);

    // Closes the idle connections to a backend that is out of service.
    void close_idle(const balancer::Backend& backend);
    // Closes all connections to a backend, even if it was removed.
    void cut(const balancer::Backend& backend);
    // Closes all tunnels to a backend, even if it was removed.
    void cut_tunnels(const balancer::Backend& backend);
    std::size_t close_all_idle(); // returns how many

private:
    friend struct WorkerPool;
    std::shared_ptr<BackendLink> make_link(const balancer::BackendPtr& backend, bool superseded);
    // Returns null if there is no link yet. `old` and `place` are a hint as to where it is.
    std::shared_ptr<BackendLink> find_link(const balancer::BackendPtr& backend, const WorkerPool* old,
                                           std::size_t place) const;
    std::vector<std::shared_ptr<BackendLink>> links_to(const balancer::Backend& backend) const;
    void retire_unused(const WorkerView& view);
    std::shared_ptr<WorkerPool> build_pool(std::shared_ptr<const PoolSpec> spec, const WorkerPool* old);

    EventLoop& loop_;
    std::size_t worker_;
    balancer::Random seeds_;
    std::uint64_t generation_ = 0;
    std::unordered_map<const balancer::Backend*, std::shared_ptr<BackendLink>> links_;
    std::unordered_multimap<const balancer::Backend*, std::weak_ptr<BackendLink>> retired_; // perhaps still in use
};

} // namespace weir::proxy
