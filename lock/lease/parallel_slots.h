// A lock with several slots. Any caller may take the first slot. The other slots are for callers that are currently
// permitted to hold the lock in parallel.
//
// Thread: the control thread.
// Lifetime: one lease at a time; must outlive the coroutines that it started.
#pragma once

#include "lock/lease/lock.h"

#include <functional>
#include <memory>
#include <vector>

namespace weir::lock {

class ParallelSlots final : public Lock {
public:
    using Make = std::function<std::unique_ptr<Lock>(unsigned slot)>; // slots count from 1
    using Count = std::function<Awaitable<unsigned>()>;

    // `count` is called whenever the first slot has another holder; it returns how many slots the caller may try.
    ParallelSlots(Make make, Count count);

    Awaitable<Result<Lease>> try_acquire(std::string holder) override;
    Awaitable<Result<void>> renew(Lease& lease) override { return held().renew(lease); }
    Awaitable<void> release(Lease lease) override { return held().release(std::move(lease)); }
    std::chrono::milliseconds ttl() const override { return slots_[0]->ttl(); }

private:
    Lock& held() { return *slots_[held_]; }

    const Make make_;
    const Count count_;
    std::vector<std::unique_ptr<Lock>> slots_;
    std::size_t held_ = 0; // the index of the slot that is held or was tried last
};

} // namespace weir::lock
