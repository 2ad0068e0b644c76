// The state of one pool that the workers share: a version that shows whether their candidates are still valid, and the
// queue for slots of its backends. It outlives reloads: it is identified by the pool's name.
//
// Thread: any thread may read and raise `version` and `waiting`; each worker's queue belongs to its own thread.
// Lifetime: shared by the pool's backends and by the snapshots that use it.
#pragma once

#include "balancer/queue.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace weir::balancer {

class PoolState : public std::enable_shared_from_this<PoolState> {
public:
    // Posts a function to a worker's thread.
    using RunOn = std::function<void(std::size_t worker, std::function<void()>)>;

    PoolState(std::size_t workers, RunOn run_on) : queues_(workers), run_on_(std::move(run_on)) {}

    // The version is raised after every change of a backend's availability.
    std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
    void touch() { version_.fetch_add(1, std::memory_order_release); }

    // Returns the number of requests that wait, on all workers together.
    std::uint32_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

    // Adds an entry to a worker's queue. Returns false if `most` are waiting already.
    bool join(std::size_t worker, QueueEntry& waiter, std::uint32_t most);
    // Removes an entry from a worker's queue.
    void leave(std::size_t worker, QueueEntry& waiter);
    // Calls the entry behind `waiter` in the same worker's queue.
    void call_after(std::size_t worker, QueueEntry& waiter) { queues_[worker].call_after(waiter); }
    bool is_first(std::size_t worker, const QueueEntry& waiter) const { return queues_[worker].first() == &waiter; }

    // Calls the entry that has waited longest on any worker, after a slot was released on `worker`.
    void call_next(std::size_t worker);

private:
    std::atomic<std::uint64_t> version_{0};
    std::atomic<std::uint32_t> waiting_{0};
    std::vector<Queue> queues_;
    RunOn run_on_;
};

using PoolStatePtr = std::shared_ptr<PoolState>;

} // namespace weir::balancer
