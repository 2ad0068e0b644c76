#include "lock/lease/parallel_slots.h"

namespace weir::lock {

ParallelSlots::ParallelSlots(Make make, Count count) : make_(std::move(make)), count_(std::move(count)) {
    places_.push_back(make_(1));
}

Awaitable<Result<Lease>> ParallelSlots::try_acquire(std::string holder) {
    held_ = 0;
    auto lease = co_await places_[0]->try_acquire(holder);
    if (lease || lease.error() != LockError::held) co_return lease;
    const auto count = co_await count_();
    for (std::size_t place = 1; place < count; ++place) {
        if (place == places_.size()) places_.push_back(make_(static_cast<unsigned>(place) + 1));
        held_ = place;
        lease = co_await places_[place]->try_acquire(holder);
        if (lease) lease->place = static_cast<unsigned>(place) + 1;
        if (lease || lease.error() != LockError::held) co_return lease;
    }
    co_return lease;
}

} // namespace weir::lock
