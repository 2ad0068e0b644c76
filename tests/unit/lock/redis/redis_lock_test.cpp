// Tests of the Redis lock against a real redis-server on a private port.
#include "lock/lease/acquire.h"
#include "lock/redis/redis_lock.h"
#include "tests/support/redis_server.h"
#include "tests/support/temp_directory.h"

#include <optional>

using namespace weir::lock;
using namespace weir::tests;

namespace {

// A server for one test, and locks on it.
class Redis {
public:
    std::shared_ptr<RedisLock> lock(milliseconds ttl) {
        return std::make_shared<RedisLock>(context.get_executor(), server.options(), LeaseTerms{"t", ttl, 0},
                                           AsyncFenceStore(context.get_executor(), state_.path));
    }
    RedisReply call(std::vector<std::string> words) { return server.call(std::move(words)); }
    void pass(milliseconds time) { weir::tests::pass(context, time); }

    asio::io_context context;
    RedisServer server{context};

private:
    TempDirectory state_;
};

const std::string key = "weir:{t}:lock";

Awaitable<int> release(std::shared_ptr<Lock> lock, Lease lease) {
    co_await lock->release(lease);
    co_return 0;
}

Awaitable<int> release(LeaseRenewer& renewer) {
    co_await renewer.release();
    co_return 0;
}

// A lease that is renewed, on its own server.
class RenewedLease {
public:
    explicit RenewedLease(milliseconds ttl) : lock_(redis.lock(ttl)) {
        const auto acquired = wait_for(redis.context, lock_->try_acquire("me"));
        REQUIRE(acquired.has_value());
        lease = *acquired;
        renewer.emplace(lock_, redis.context.get_executor(), lease);
    }

    void wait_until_lost() {
        while (renewer->is_held()) redis.pass(milliseconds(10));
    }

    Redis redis;
    Lease lease;
    std::optional<LeaseRenewer> renewer;

private:
    std::shared_ptr<RedisLock> lock_;
};

} // namespace

TEST_CASE("a Redis lease excludes others and is released by its own token only") {
    Redis redis;
    const auto one = redis.lock(milliseconds(60000)), two = redis.lock(milliseconds(60000));
    const auto lease = wait_for(redis.context, one->try_acquire("one"));
    REQUIRE(lease.has_value());
    CHECK(lease->fence == 1);
    CHECK(wait_for(redis.context, two->try_acquire("two")).error() == LockError::held);
    CHECK(redis.call({"PTTL", key}).number <= 60000);
    CHECK(redis.call({"PTTL", key}).number > 30000);

    auto forged = *lease;
    forged.token = "one:guess";
    wait_for(redis.context, release(two, forged));
    CHECK(redis.call({"GET", key}).text == lease->token); // the key still exists
    CHECK(wait_for(redis.context, two->renew(forged)).error() == LockError::lost);
    wait_for(redis.context, release(one, *lease));
    CHECK(redis.call({"EXISTS", key}).number == 0);
    CHECK(wait_for(redis.context, two->try_acquire("two"))->fence == 2);
}

TEST_CASE("a renewer holds a lease beyond its time to live") {
    RenewedLease held(milliseconds(5000));
    while (std::chrono::steady_clock::now() < held.lease.deadline + milliseconds(500))
        held.redis.pass(milliseconds(50));
    CHECK(held.renewer->is_held());
    CHECK(held.redis.call({"GET", key}).text == held.lease.token);
    wait_for(held.redis.context, release(*held.renewer));
    CHECK(held.redis.call({"EXISTS", key}).number == 0);
}

TEST_CASE("a lease that went to another is lost, and the other's is left alone") {
    RenewedLease held(milliseconds(300));
    held.redis.call({"SET", key, "someone else"});
    held.wait_until_lost();
    wait_for(held.redis.context, release(*held.renewer));
    CHECK(held.redis.call({"GET", key}).text == "someone else");
}

TEST_CASE("a lease whose renewal gets no answer ends at its deadline") {
    RenewedLease held(milliseconds(300));
    held.redis.call({"CLIENT", "PAUSE", "5000", "ALL"});
    held.wait_until_lost();
    CHECK(std::chrono::steady_clock::now() >= held.lease.deadline);
}
