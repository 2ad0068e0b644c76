// Waiting for a lock, and keeping it.
//
// Thread: the control thread.
// Lifetime: the lock must outlive what is called here; a keeper outlives nothing but itself.
#pragma once

#include "lock/lock.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <string>

namespace weir::lock {

// Tries until it has the lease or `wait` is over, with pauses drawn by `dice` (0 to 1) so that those who wait do not
// come in step. Ends with `timed_out` or `unavailable`, whichever it met last; before its time where `is_over`.
Awaitable<Result<Lease>> acquire(Lock& lock, std::string holder, std::chrono::milliseconds wait,
                                 std::function<double()> dice, std::function<bool()> is_over = {});

// Renews a lease at every third of its time to live until it is released or lost.
class Keeper {
public:
    Keeper(std::shared_ptr<Lock> lock, boost::asio::any_io_executor executor, Lease lease);
    ~Keeper();
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;

    // False once the lease is gone or past its deadline: what it protected must not happen any more.
    bool is_held() const;
    std::uint64_t fence() const;
    unsigned place() const; // of a lock that several may hold side by side

    // Ends the renewal and gives the lease back.
    Awaitable<void> release();

private:
    struct State;
    static Awaitable<void> keep(std::shared_ptr<State> state);

    std::shared_ptr<State> state_;
};

} // namespace weir::lock
