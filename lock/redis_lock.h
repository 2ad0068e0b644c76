// The lock of all machines that share one Redis server, or the master that Sentinels name.
//
// The fence also rises above the highest that this machine has on disk: a server that lost its memory cannot make it
// go back here.
//
// Thread: the control thread.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "lock/fences.h"
#include "lock/redis_leases.h"

namespace weir::lock {

class RedisLock final : public Lock {
public:
    RedisLock(boost::asio::any_io_executor executor, RedisOptions server, LeaseTerms terms, Fences fences);

    Awaitable<Result<Lease>> try_acquire(std::string holder) override;
    Awaitable<boost::system::error_code> renew(Lease& lease) override;
    Awaitable<void> release(Lease lease) override;
    std::chrono::milliseconds ttl() const override { return ttl_; }
    std::string last_problem() const override { return problem_; }

private:
    const std::chrono::milliseconds ttl_;
    const Fences fences_;
    RedisLeases leases_;
    std::string problem_;
};

// A token that nobody else has: the holder's name and 128 random bits.
std::string make_token(const std::string& holder);

} // namespace weir::lock
