// The lock that machines share through one Redis server, or through the master that Sentinels name.
//
// A new fence is also above the highest fence on this machine's disk, so that fences never go backwards on this
// machine, even if the server has lost its data.
//
// Thread: the control thread.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "base/clock.h"
#include "lock/lease/async_fence_store.h"
#include "lock/redis/redis_leases.h"

namespace weir::lock {

class RedisLock final : public Lock {
public:
    RedisLock(boost::asio::any_io_executor executor, RedisOptions server, LeaseTerms terms, AsyncFenceStore fences);

    Awaitable<Result<Lease>> try_acquire(std::string holder) override;
    Awaitable<Result<void>> renew(Lease& lease) override;
    Awaitable<void> release(Lease lease) override;
    std::chrono::milliseconds ttl() const override { return ttl_; }

private:
    Clock& clock_;
    const std::chrono::milliseconds ttl_;
    const AsyncFenceStore fences_;
    RedisLeases leases_;
};

// Returns a unique token: the holder's name, a colon and 128 random bits in hex.
std::string make_token(const std::string& holder);
// Returns the error `unavailable` for a fence on the disk that cannot be read or written.
Error fence_error(const Error& error);

} // namespace weir::lock
