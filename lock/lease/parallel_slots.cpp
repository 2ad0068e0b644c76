#include "lock/lease/parallel_slots.h"

namespace weir::lock {

ParallelSlots::ParallelSlots(Make make, Count count) : make_(std::move(make)), count_(std::move(count)) {
    slots_.push_back(make_(1));
}

Awaitable<Result<Lease>> ParallelSlots::try_acquire(std::string holder) {
    held_ = 0;
    auto lease = co_await slots_[0]->try_acquire(holder);
    if (lease || lease.error() != LockError::held) co_return lease;
    const auto count = co_await count_();
    for (std::size_t slot = 1; slot < count; ++slot) {
        if (slot == slots_.size()) slots_.push_back(make_(static_cast<unsigned>(slot) + 1));
        held_ = slot;
        lease = co_await slots_[slot]->try_acquire(holder);
        if (lease) lease->slot = static_cast<unsigned>(slot) + 1;
        if (lease || lease.error() != LockError::held) co_return lease;
    }
    co_return lease;
}

} // namespace weir::lock
