// The Redis lock against a real redis-server on a private port.
#include "lock/lease/acquire.h"
#include "lock/redis/redis_lock.h"
#include "tests/support/redis_server.h"

using namespace weir::lock;
using namespace weir::tests;

namespace {

// A server of the test's own, and locks on it.
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
    StateDir state_{"redis-test"};
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
    CHECK(redis.call({"GET", key}).text == lease->token); // still there
    CHECK(wait_for(redis.context, two->renew(forged)).error() == LockError::lost);
    wait_for(redis.context, release(one, *lease));
    CHECK(redis.call({"EXISTS", key}).number == 0);
    CHECK(wait_for(redis.context, two->try_acquire("two"))->fence == 2);
}

TEST_CASE("a renewer holds a lease beyond its time to live") {
    Redis redis;
    const auto lock = redis.lock(milliseconds(5000));
    const auto lease = wait_for(redis.context, lock->try_acquire("me"));
    REQUIRE(lease.has_value());
    LeaseRenewer renewer(lock, redis.context.get_executor(), *lease);
    while (Clock::now() < lease->deadline + milliseconds(500)) redis.pass(milliseconds(50));
    CHECK(renewer.is_held());
    CHECK(redis.call({"GET", key}).text == lease->token);
    wait_for(redis.context, release(renewer));
    CHECK(redis.call({"EXISTS", key}).number == 0);
}

TEST_CASE("a lease that went to another is lost, and the other's is left alone") {
    Redis redis;
    const auto lock = redis.lock(milliseconds(300));
    const auto lease = wait_for(redis.context, lock->try_acquire("me"));
    REQUIRE(lease.has_value());
    LeaseRenewer renewer(lock, redis.context.get_executor(), *lease);
    redis.call({"SET", key, "someone else"});
    while (renewer.is_held()) redis.pass(milliseconds(10));
    wait_for(redis.context, release(renewer));
    CHECK(redis.call({"GET", key}).text == "someone else");
}

TEST_CASE("a lease whose renewal gets no answer ends at its deadline") {
    auto redis = std::make_unique<Redis>();
    const auto lock = redis->lock(milliseconds(300));
    const auto lease = wait_for(redis->context, lock->try_acquire("me"));
    REQUIRE(lease.has_value());
    LeaseRenewer renewer(lock, redis->context.get_executor(), *lease);
    redis->call({"CLIENT", "PAUSE", "5000", "ALL"});
    while (renewer.is_held()) redis->pass(milliseconds(10));
    CHECK(Clock::now() >= lease->deadline);
}
