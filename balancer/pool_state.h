// What the workers share of one pool: whether their picture of it is still right, and who waits for a seat at one of
// its backends. It outlives reloads: it is found again by the pool's name.
//
// Thread: `version` and `waiting` may be read and raised by any; each worker's queue belongs to its own thread.
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
    // Runs something on a worker's thread, soon.
    using RunOn = std::function<void(std::size_t worker, std::function<void()>)>;

    PoolState(std::size_t workers, RunOn run_on) : queues_(workers), run_on_(std::move(run_on)) {}

    // Raised after every change of a backend's availability.
    std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
    void touch() { version_.fetch_add(1, std::memory_order_release); }

    // How many wait, on all workers together.
    std::uint32_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

    // Lets a waiter join a worker's queue; false where `most` wait already.
    bool join(std::size_t worker, Waiter& waiter, std::uint32_t most);
    void leave(std::size_t worker, Waiter& waiter);
    // The next behind a waiter of the same worker is called in its place.
    void call_after(std::size_t worker, Waiter& waiter) { queues_[worker].call_after(waiter); }
    bool is_first(std::size_t worker, const Waiter& waiter) const { return queues_[worker].first() == &waiter; }

    // A seat has become free, on `worker`: whoever has waited longest, on whichever worker, is called.
    void call_next(std::size_t worker);

private:
    std::atomic<std::uint64_t> version_{0};
    std::atomic<std::uint32_t> waiting_{0};
    std::vector<Queue> queues_;
    RunOn run_on_;
};

using PoolStatePtr = std::shared_ptr<PoolState>;

} // namespace weir::balancer
