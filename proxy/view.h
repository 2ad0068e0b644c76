// A snapshot as one worker uses it: with the worker's own balancing state and connections.
//
// Thread: one worker's thread. Built there in little time: what a reload did not touch is taken over as it is.
// Lifetime: an exchange keeps the view that it began with; the last one to let go frees it.
#pragma once

#include "balancer/pool.h"
#include "proxy/backend_link.h"
#include "proxy/snapshot.h"

#include <memory>
#include <random>
#include <unordered_map>
#include <vector>

namespace weir::proxy {

class ViewBuilder;

struct WorkerPool {
    std::shared_ptr<const PoolSpec> spec;
    balancer::Pool balancer;
    std::vector<std::shared_ptr<BackendLink>> links; // one for each member; null until it is used
    ViewBuilder* builder;
    bool superseded = false; // another has taken its place, or it has left

    BackendLink& link(std::size_t member);
};

struct View {
    SnapshotPtr snapshot;
    std::vector<std::shared_ptr<WorkerPool>> pools; // one for each of the snapshot's

    WorkerPool* find_pool(std::string_view name) const; // null where there is none
};

using ViewPtr = std::shared_ptr<const View>;

// Makes views and carries state from one to the next. It must outlive the use of its views.
class ViewBuilder {
public:
    ViewBuilder(EventLoop& loop, std::size_t worker) : loop_(loop), worker_(worker), seeds_(std::random_device{}()) {}

    ViewPtr build(SnapshotPtr snapshot, const ViewPtr& old);

    // Closes the idle connections to a backend that is out.
    void close_idle(const balancer::Backend& backend);
    // Ends all connections to a backend, also to one that has left.
    void cut(const balancer::Backend& backend);
    std::size_t close_all_idle(); // returns how many

private:
    friend struct WorkerPool;
    std::shared_ptr<BackendLink> make_link(const balancer::BackendPtr& backend, bool superseded);
    // Null where there is none yet. `old` and `place`: where it may be found at once.
    std::shared_ptr<BackendLink> find_link(const balancer::BackendPtr& backend, const WorkerPool* old,
                                           std::size_t place) const;
    void retire_unused(const View& view);
    std::shared_ptr<WorkerPool> build_pool(std::shared_ptr<const PoolSpec> spec, const WorkerPool* old);

    EventLoop& loop_;
    std::size_t worker_;
    balancer::Random seeds_;
    std::uint64_t generation_ = 0;
    std::unordered_map<const balancer::Backend*, std::shared_ptr<BackendLink>> links_;
    std::unordered_multimap<const balancer::Backend*, std::weak_ptr<BackendLink>> retired_; // in use still, perhaps
};

} // namespace weir::proxy
