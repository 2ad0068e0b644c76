// A distributed or local lock that protects configuration changes. A holder gets a lease with a deadline and a fencing
// token.
//
// Errors have a LockError as their code. The message of `unavailable` says which server or file failed, and how.
//
// The lock guarantees that fences rise with every lease, on this machine and among all machines that share the lock. It
// does not guarantee that only one holder at a time believes that its lease is valid: a late write of an earlier holder
// is recognised by its lower fence.
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
    std::string token;         // unique to this lease; only the holder's name for the LocalLock
    Clock::TimePoint deadline; // when the lease expires; counted from before the request was sent
    unsigned slot = 1;         // the slot, if the lock has several (ParallelSlots)
};

template <class T> using Awaitable = boost::asio::awaitable<T>;

class Lock {
public:
    virtual ~Lock() = default;

    // Makes one attempt to take the lock. Fails with `held` if another holder has it, and with `unavailable` if that
    // cannot be determined. `holder` is the name that other machines show for the holder.
    virtual Awaitable<Result<Lease>> try_acquire(std::string holder) = 0;
    // Extends the lease and updates its deadline. Fails with `lost` if the lease is gone, and with `unavailable` if
    // that cannot be determined; the lease is then valid until its deadline.
    virtual Awaitable<Result<void>> renew(Lease& lease) = 0;
    // Releases the lease. A lease that was lost is left to its new holder.
    virtual Awaitable<void> release(Lease lease) = 0;

    // Returns the lifetime of a lease that is not renewed.
    virtual std::chrono::milliseconds ttl() const = 0;
};

} // namespace weir::lock
