// A distributed or local lock that protects configuration changes. A holder gets a lease with a deadline and a fencing
// token.
//
// Errors have a code of LockError. The message of `unavailable` says which server or file failed, and how.
//
// Guarantee: fences rise with every lease, on this machine and among all machines that share the lock. The lock does
// not guarantee that two holders never believe in their leases at the same time: a late write is recognised by its
// lower fence.
//
// Thread: the control thread; nothing blocks.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "lock/lease/error.h"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace weir::lock {

struct Lease {
    std::uint64_t fence = 0;
    std::string token;         // unique to this lease
    Clock::TimePoint deadline; // the lease is invalid after this; counted from before the request was sent
    unsigned slot = 1;         // the slot, if the lock has several (ParallelSlots)
};

template <class T> using Awaitable = boost::asio::awaitable<T>;

class Lock {
public:
    virtual ~Lock() = default;

    // Makes one attempt to take the lock. Fails with `held` if another holder has it, and with `unavailable` if that
    // cannot be determined. `holder` is a name that other machines display.
    virtual Awaitable<Result<Lease>> try_acquire(std::string holder) = 0;
    // Extends the lease and updates its deadline. Fails with `lost` if the lease is gone, and with `unavailable` if
    // that cannot be determined; the lease is then valid until its deadline.
    virtual Awaitable<Result<void>> renew(Lease& lease) = 0;
    // Releases the lease. A lease that was lost is left to its new holder.
    virtual Awaitable<void> release(Lease lease) = 0;

    virtual std::chrono::milliseconds ttl() const = 0;
};

} // namespace weir::lock
