// The lock on several independent Redis servers (3 or 5): a machine that has the lock on a majority of them holds it.
// As long as a majority works, a server that fails, lags or loses its data does no harm.
//
// Fences rise from lease to lease: the highest fence of the majority is written back to a majority before the lease
// counts, and any two majorities share a server. The deadline allows for clocks that run at different speeds.
//
// Thread: the control thread.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "lock/lease/async_fence_store.h"
#include "lock/redis/gather.h"
#include "lock/redis/redis_leases.h"

#include <functional>
#include <memory>
#include <vector>

namespace weir::lock {

class Redlock final : public Lock {
public:
    Redlock(boost::asio::any_io_executor executor, std::vector<RedisOptions> servers, const LeaseTerms& terms,
            AsyncFenceStore fences);

    Awaitable<Result<Lease>> try_acquire(std::string holder) override;
    Awaitable<Result<void>> renew(Lease& lease) override;
    Awaitable<void> release(Lease lease) override;
    std::chrono::milliseconds ttl() const override { return ttl_; }

private:
    // The number of servers that gave each reply.
    struct Votes {
        std::size_t yes = 0, no = 0; // the other servers cannot be reached, or have not answered yet
        std::uint64_t fence = 0;     // the highest fence of the servers that agreed
        std::string problem;         // what kept the other servers from answering
    };
    using Question = std::function<Awaitable<Result<std::uint64_t>>(RedisLeases&)>;
    Votes count(const Gathered<Result<std::uint64_t>>& answers) const;
    // Queries all servers; returns the votes of a majority, or of all servers that answer in time.
    Awaitable<Votes> ask_all(Question ask);
    bool is_majority(std::size_t count) const { return count > servers_.size() / 2; }
    Clock::TimePoint deadline_from(Clock::TimePoint began) const;
    Error too_few(const Votes& votes) const;

    boost::asio::any_io_executor executor_;
    const std::chrono::milliseconds ttl_;
    std::vector<std::shared_ptr<RedisLeases>> servers_;
    const AsyncFenceStore fences_;
};

} // namespace weir::lock
