// Waits for a lock, and renews its lease.
//
// Thread: the control thread.
// Lifetime: the lock passed to `acquire` must outlive the call; a LeaseRenewer shares ownership of its lock.
#pragma once

#include "lock/lease/lock.h"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <string>

namespace weir::lock {

// Tries to take the lock until it succeeds, `wait` is over or `is_over` returns true. The pauses between attempts grow,
// with jitter from `jitter` (0 to 1), so that waiting callers do not retry in step. Fails with `timed_out` if the last
// attempt found the lock held or if `is_over` ended a pause, and otherwise with the error of the last attempt.
Awaitable<Result<Lease>> acquire(
    Lock& lock, std::string holder, std::chrono::milliseconds wait, std::function<double()> jitter,
    std::function<bool()> is_over = [] { return false; });

// Renews a lease every third of its time to live, or every sixth after a failure, until it is released or lost.
class LeaseRenewer {
public:
    LeaseRenewer(std::shared_ptr<Lock> lock, boost::asio::any_io_executor executor, Lease lease);
    ~LeaseRenewer();
    LeaseRenewer(const LeaseRenewer&) = delete;
    LeaseRenewer& operator=(const LeaseRenewer&) = delete;

    // Returns false once the lease is lost or past its deadline; the caller must then stop what the lease protects.
    bool is_held() const;
    // Returns the reason why the lease was lost. Requires that it is no longer held.
    std::string loss() const;
    std::uint64_t fence() const;
    unsigned slot() const; // the slot, if the lock has several (ParallelSlots)

    // Stops renewing the lease and releases it.
    Awaitable<void> release();

private:
    struct State;
    static Awaitable<void> keep(std::shared_ptr<State> state);

    std::shared_ptr<State> state_;
};

} // namespace weir::lock
