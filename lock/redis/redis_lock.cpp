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

Error fence_error(const Error& error) {
    return {LockError::unavailable, "cannot use the fence in state_dir: " + error.message()};
}

RedisLock::RedisLock(boost::asio::any_io_executor executor, RedisOptions server, LeaseTerms terms,
                     AsyncFenceStore fences)
    : clock_(clock_of(executor)), ttl_(terms.ttl), fences_(std::move(fences)),
      leases_(executor, std::move(server), std::move(terms)) {}

Awaitable<Result<Lease>> RedisLock::try_acquire(std::string holder) {
    const auto floor = co_await fences_.read();
    if (!floor) co_return fence_error(floor.error());
    Lease lease{0, make_token(holder), clock_.now() + ttl_};
    const auto fence = co_await leases_.take(lease.token, *floor);
    if (!fence && fence.error() == LockError::held) co_return LockError::held;
    auto taken = fence ? Result<void>() : fence.error();
    if (fence) {
        lease.fence = *fence;
        taken = co_await fences_.raise(lease.fence);
        if (taken) co_return lease;
        taken = fence_error(taken.error());
    }
    // The server may have granted the lock even if its reply was lost, so the lease is released in either case.
    const auto released = co_await leases_.release(lease.token);
    static_cast<void>(released); // if this fails, the lease expires
    co_return taken.error();
}

Awaitable<Result<void>> RedisLock::renew(Lease& lease) {
    const auto deadline = clock_.now() + ttl_;
    const auto extended = co_await leases_.extend(lease.token);
    if (!extended) co_return extended.error();
    lease.deadline = deadline;
    co_return Result<void>();
}

Awaitable<void> RedisLock::release(Lease lease) {
    const auto released = co_await leases_.release(lease.token);
    static_cast<void>(released); // if this fails, the lease expires
}

} // namespace weir::lock
