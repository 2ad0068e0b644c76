#include "lock/redis/redis_lock.h"

#include <random>

namespace weir::lock {

std::string make_token(const std::string& holder) {
    std::random_device random;
    std::string token = holder + ":";
    for (int i = 0; i < 4; ++i) {
        auto bits = random();
        for (int digit = 0; digit < 8; ++digit, bits >>= 4) token += "0123456789abcdef"[bits & 15];
    }
    return token;
}

RedisLock::RedisLock(boost::asio::any_io_executor executor, RedisOptions server, LeaseTerms terms,
                     AsyncFenceStore fences)
    : ttl_(terms.ttl), fences_(std::move(fences)), leases_(executor, std::move(server), std::move(terms)) {}

Awaitable<Result<Lease>> RedisLock::try_acquire(std::string holder) {
    const auto floor = co_await fences_.read();
    if (!floor) problem_ = "the fence in state_dir: " + floor.error().message();
    if (!floor) co_return LockError::unavailable;
    Lease lease{0, make_token(holder), Clock::now() + ttl_};
    const auto fence = co_await leases_.take(lease.token, *floor);
    if (!fence && fence.error() == LockError::held) co_return LockError::held;
    if (fence) {
        lease.fence = *fence;
        const auto error = co_await fences_.raise(lease.fence);
        if (!error) co_return lease;
        problem_ = "the fence in state_dir: " + error.message();
    } else {
        problem_ = leases_.problem();
    }
    // The server may have given the lock although its reply was lost, so the lease is released in either case.
    co_await leases_.release(lease.token);
    co_return LockError::unavailable;
}

Awaitable<boost::system::error_code> RedisLock::renew(Lease& lease) {
    const auto deadline = Clock::now() + ttl_;
    const auto extended = co_await leases_.extend(lease.token);
    if (extended) lease.deadline = deadline;
    else problem_ = leases_.problem();
    co_return extended ? boost::system::error_code() : extended.error();
}

Awaitable<void> RedisLock::release(Lease lease) { co_await leases_.release(lease.token); }

} // namespace weir::lock
