// Several places of one lock: the first is for everybody, the others for those who may go side by side at this moment.
//
// Thread: the control thread.
// Lifetime: one lease at a time; must outlive the coroutines that it started.
#pragma once

#include "lock/lock.h"

#include <functional>
#include <memory>
#include <vector>

namespace weir::lock {

class ParallelLock final : public Lock {
public:
    using Make = std::function<std::unique_ptr<Lock>(unsigned place)>; // from 1
    using Count = std::function<Awaitable<unsigned>()>;

    // `count` is asked, whenever the first place is taken, how many there are for the caller.
    ParallelLock(Make make, Count count);

    Awaitable<Result<Lease>> try_acquire(std::string holder) override;
    Awaitable<boost::system::error_code> renew(Lease& lease) override { return held().renew(lease); }
    Awaitable<void> release(Lease lease) override { return held().release(std::move(lease)); }
    std::chrono::milliseconds ttl() const override { return places_[0]->ttl(); }
    std::string last_problem() const override { return places_[held_]->last_problem(); }

private:
    Lock& held() { return *places_[held_]; }

    const Make make_;
    const Count count_;
    std::vector<std::unique_ptr<Lock>> places_;
    std::size_t held_ = 0; // the place of the lease, or the one that was tried last
};

} // namespace weir::lock
