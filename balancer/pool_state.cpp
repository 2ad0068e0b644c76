#include "balancer/pool_state.h"

namespace weir::balancer {

bool PoolState::join(std::size_t worker, QueueEntry& waiter, std::uint32_t most) {
    if (waiting_.fetch_add(1, std::memory_order_relaxed) >= most) {
        waiting_.fetch_sub(1, std::memory_order_relaxed);
        return false;
    }
    queues_[worker].push(waiter);
    return true;
}

void PoolState::leave(std::size_t worker, QueueEntry& waiter) {
    queues_[worker].remove(waiter);
    waiting_.fetch_sub(1, std::memory_order_relaxed);
}

void PoolState::call_next(std::size_t worker) {
    if (waiting() == 0) return;
    std::size_t longest = worker;
    for (std::size_t i = 0; i < queues_.size(); ++i)
        if (queues_[i].oldest() < queues_[longest].oldest()) longest = i;
    if (longest == worker) return queues_[worker].call_first();
    run_on_(longest, [self = shared_from_this(), longest] {
        if (self->queues_[longest].first()) self->queues_[longest].call_first();
        else self->call_next(longest); // its entries have left since: another worker's queue gets the slot
    });
}

} // namespace weir::balancer
