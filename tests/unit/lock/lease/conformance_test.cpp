// One suite for all kinds of locks: it tests what every lock promises.
#include "lock/lease/acquire.h"
#include "lock/lease/local_lock.h"
#include "lock/lease/parallel_slots.h"
#include "lock/redis/redis_lock.h"
#include "lock/redis/redlock.h"
#include "tests/support/code_of.h"
#include "tests/support/redis_server.h"

#include <functional>

using namespace weir::lock;
using weir::Result;
using namespace weir::tests;

namespace {

// Two machines that share one lock.
struct Bench {
    asio::io_context context;
    milliseconds ttl{60'000};
    std::vector<std::unique_ptr<RedisServer>> servers;
    TempDirectory states[2];
    std::shared_ptr<Lock> locks[2];

    std::vector<RedisOptions> options() const {
        std::vector<RedisOptions> all;
        for (const auto& server : servers) all.push_back(server->options());
        return all;
    }
    AsyncFenceStore fences(std::size_t i) { return {context.get_executor(), states[i].path}; }
    Result<Lease> take(std::size_t i) { return wait_for(context, locks[i]->try_acquire("machine")); }
    boost::system::error_code renew(std::size_t i, Lease& lease) {
        return code_of(wait_for(context, locks[i]->renew(lease)));
    }
    void release(std::size_t i, const Lease& lease) {
        const auto work = [](Lock& lock, Lease mine) -> Awaitable<int> {
            co_await lock.release(mine);
            co_return 0;
        };
        wait_for(context, work(*locks[i], lease));
    }
    bool times_out() const { return !servers.empty(); } // the kernel's lock ends with its process instead
};

void make_local(Bench& bench) { // two processes on one machine
    for (auto& lock : bench.locks) lock = std::make_shared<LocalLock>(bench.fences(0));
}

void make_redis(Bench& bench) {
    bench.servers.push_back(std::make_unique<RedisServer>(bench.context));
    for (std::size_t i = 0; i < 2; ++i)
        bench.locks[i] = std::make_shared<RedisLock>(bench.context.get_executor(), bench.options()[0],
                                                     LeaseTerms{"t", bench.ttl, 0}, bench.fences(i));
}

void make_redlock(Bench& bench) {
    for (int i = 0; i < 3; ++i) bench.servers.push_back(std::make_unique<RedisServer>(bench.context));
    for (std::size_t i = 0; i < 2; ++i)
        bench.locks[i] = std::make_shared<Redlock>(bench.context.get_executor(), bench.options(),
                                                   LeaseTerms{"t", bench.ttl, 0}, bench.fences(i));
}

// A lock with several slots has only one slot until the first machine has its verdict.
std::shared_ptr<Lock> with_places(Bench& bench, std::size_t i, unsigned count) {
    const auto make = [&bench, i](unsigned slot) {
        return std::make_unique<RedisLock>(bench.context.get_executor(), bench.options()[0],
                                           LeaseTerms{"t", bench.ttl, 0, slot}, bench.fences(i));
    };
    return std::make_shared<ParallelSlots>(make, [count]() -> Awaitable<unsigned> { co_return count; });
}

void make_parallel(Bench& bench) {
    bench.servers.push_back(std::make_unique<RedisServer>(bench.context));
    for (std::size_t i = 0; i < 2; ++i) bench.locks[i] = with_places(bench, i, 1);
}

struct Kind {
    const char* name;
    void (*make)(Bench&);
};
const Kind kinds[] = {
    {"local", make_local}, {"redis", make_redis}, {"redlock", make_redlock}, {"parallel", make_parallel}};

} // namespace

TEST_CASE("every lock: its holder excludes others until it is released") {
    for (const auto& kind : kinds) {
        INFO(kind.name);
        Bench bench;
        kind.make(bench);
        const auto lease = bench.take(0);
        REQUIRE(lease.has_value());
        CHECK(lease->deadline > std::chrono::steady_clock::now());
        CHECK(bench.take(1).error() == LockError::held);
        bench.release(0, *lease);
        const auto other = bench.take(1);
        REQUIRE(other.has_value());
        CHECK(other->fence > lease->fence);
    }
}

TEST_CASE("every lock: fences rise with every lease of any holder") {
    for (const auto& kind : kinds) {
        INFO(kind.name);
        Bench bench;
        kind.make(bench);
        std::uint64_t last = 0;
        for (std::size_t i = 0; i < 20; ++i) {
            const auto lease = bench.take(i % 3 % 2);
            REQUIRE(lease.has_value());
            CHECK(lease->fence > last);
            last = lease->fence;
            bench.release(i % 3 % 2, *lease);
        }
    }
}

TEST_CASE("every lock: renewal moves the deadline, only the holder releases it") {
    for (const auto& kind : kinds) {
        INFO(kind.name);
        Bench bench;
        kind.make(bench);
        auto lease = bench.take(0);
        REQUIRE(lease.has_value());
        const auto before = lease->deadline;
        pass(bench.context, milliseconds(20));
        CHECK_FALSE(bench.renew(0, *lease));
        CHECK(lease->deadline > before);
        if (!bench.times_out()) continue; // a process that does not hold the kernel's lock cannot release it
        auto forged = *lease;
        forged.token = "machine:guess";
        bench.release(1, forged);
        CHECK(bench.renew(1, forged) == LockError::lost);
        CHECK(bench.take(1).error() == LockError::held);
    }
}

TEST_CASE("every lock with a TTL: a sleeping holder loses it to a higher fence") {
    for (const auto& kind : kinds) {
        INFO(kind.name);
        Bench bench;
        bench.ttl = milliseconds(3000);
        kind.make(bench);
        if (!bench.times_out()) continue;
        auto lease = bench.take(0);
        REQUIRE(lease.has_value());
        auto other =
            wait_for(bench.context, acquire(*bench.locks[1], "other", milliseconds(20'000), [] { return 0.5; }));
        REQUIRE(other.has_value());
        CHECK(std::chrono::steady_clock::now() >= lease->deadline);
        CHECK(other->fence > lease->fence);
        CHECK(bench.renew(0, *lease) == LockError::lost);
        bench.release(0, *lease);
        CHECK_FALSE(bench.renew(1, *other)); // the new holder still has it
    }
}

TEST_CASE("every lock on servers: lost memory cannot make a fence go back") {
    for (const auto& kind : kinds) {
        INFO(kind.name);
        Bench bench;
        kind.make(bench);
        if (!bench.times_out()) continue;
        for (int i = 0; i < 5; ++i) bench.release(0, *bench.take(0));
        for (const auto& server : bench.servers) server->call({"FLUSHALL"});
        const auto lease = bench.take(0);
        REQUIRE(lease.has_value());
        CHECK(lease->fence == 6);
    }
}

TEST_CASE("a redlock is held while a majority of its servers is up") {
    Bench bench;
    make_redlock(bench);
    bench.servers[1]->kill();
    auto lease = bench.take(0);
    REQUIRE(lease.has_value());
    CHECK(bench.take(1).error() == LockError::held);
    CHECK_FALSE(bench.renew(0, *lease));
    bench.servers[2]->kill();
    CHECK(bench.renew(0, *lease) == LockError::unavailable);
    bench.release(0, *lease);
    const auto none = bench.take(0);
    CHECK(none.error() == LockError::unavailable);
    CHECK(none.error().message().find("1 of 3 servers answer") != std::string::npos);
    CHECK(bench.servers[0]->call({"EXISTS", "weir:{t}:lock"}).number == 0); // its acquired lock is released
}

TEST_CASE("a redlock's fence rises over any two majorities") {
    Bench bench;
    make_redlock(bench);
    std::uint64_t last = 0;
    // Each time, the server with the highest fence cannot take part, because it holds a foreign lock.
    for (std::size_t i = 0; i < 9; ++i) {
        auto& blocked = *bench.servers[i % 3];
        blocked.call({"SET", "weir:{t}:lock", "foreign"});
        const auto lease = bench.take(i % 2);
        REQUIRE(lease.has_value());
        CHECK(lease->fence > last);
        last = lease->fence;
        bench.release(i % 2, *lease);
        blocked.call({"DEL", "weir:{t}:lock"});
    }
}

TEST_CASE("a redlock that finds no majority leaves nothing behind") {
    Bench bench;
    make_redlock(bench);
    for (std::size_t i : {0u, 1u}) bench.servers[i]->call({"SET", "weir:{t}:lock", "other"});
    CHECK(bench.take(0).error() == LockError::held);
    CHECK(bench.servers[2]->call({"EXISTS", "weir:{t}:lock"}).number == 0);
    CHECK(bench.servers[0]->call({"GET", "weir:{t}:lock"}).text == "other");
}

TEST_CASE("a lock with three slots is held by three, with different fences") {
    Bench bench;
    bench.servers.push_back(std::make_unique<RedisServer>(bench.context));
    std::vector<std::shared_ptr<Lock>> locks;
    std::vector<Lease> leases;
    for (int i = 0; i < 4; ++i) locks.push_back(with_places(bench, 0, 3));
    for (int i = 0; i < 3; ++i) {
        const auto lease = wait_for(bench.context, locks[static_cast<std::size_t>(i)]->try_acquire("machine"));
        REQUIRE(lease.has_value());
        CHECK(lease->fence == static_cast<std::uint64_t>(i) + 1);
        leases.push_back(*lease);
    }
    CHECK(wait_for(bench.context, locks[3]->try_acquire("machine")).error() == LockError::held);
    CHECK(wait_for(bench.context, locks[1]->renew(leases[1])));
    bench.locks[0] = locks[1];
    bench.release(0, leases[1]);
    CHECK(wait_for(bench.context, locks[0]->renew(leases[0])));
    const auto next = wait_for(bench.context, locks[3]->try_acquire("machine"));
    REQUIRE(next.has_value());
    CHECK(next->fence == 4);
}
