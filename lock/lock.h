// A lock that a change of configuration runs under: a lease with a deadline and a fencing token.
//
// Promised: fences rise with every lease, on this machine and among all that share the lock. Not promised: that never
// two holders believe in their lease at a time; who acts late is told apart by its lower fence.
//
// Thread: the control thread; nothing blocks.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "lock/error.h"

#include <boost/asio/awaitable.hpp>
#include <boost/system/result.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace weir::lock {

using Clock = std::chrono::steady_clock;

struct Lease {
    std::uint64_t fence = 0;
    std::string token;          // names this very lease
    Clock::time_point deadline; // not to be believed in after this; counted from before it was asked for
    unsigned place = 1;         // of a lock that several may hold side by side
};

template <class T> using Awaitable = boost::asio::awaitable<T>;
template <class T> using Result = boost::system::result<T>;

class Lock {
public:
    virtual ~Lock() = default;

    // One attempt. `held`: someone else has it; `unavailable`: nobody can tell. `holder` is a name for others to see.
    virtual Awaitable<Result<Lease>> try_acquire(std::string holder) = 0;
    // Extends the lease. `lost`: it is gone; `unavailable`: unknown, it stands until its deadline.
    virtual Awaitable<boost::system::error_code> renew(Lease& lease) = 0;
    // Gives it back; one that was lost is left to its new holder.
    virtual Awaitable<void> release(Lease lease) = 0;

    virtual std::chrono::milliseconds ttl() const = 0;
    virtual std::string last_problem() const { return {}; } // what was unavailable, in words
};

} // namespace weir::lock
