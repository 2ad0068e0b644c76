#include "lock/lease/acquire.h"
#include "lock/lease/backoff.h"
#include "lock/lease/fence_store.h"
#include "lock/lease/local_lock.h"
#include "lock/redis/redis_client.h"
#include "tests/catch.h"
#include "tests/support/temp_directory.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <fstream>
#include <future>

using namespace weir::lock;
namespace asio = boost::asio;

namespace {

struct StateDir : weir::tests::TempDirectory {
    asio::thread_pool disk{1};
    AsyncFenceStore fences() { return {disk.get_executor(), path}; }
};

template <class T> T wait_for(Awaitable<T> work) {
    asio::io_context context;
    auto future = asio::co_spawn(context, std::move(work), asio::use_future);
    context.run();
    return future.get();
}

double half() { return 0.5; }

} // namespace

TEST_CASE("fences rise with every lease of the local lock") {
    StateDir dir;
    LocalLock one(dir.fences()), two(dir.fences());
    std::uint64_t last = 0;
    for (int i = 0; i < 10; ++i) {
        auto& lock = i % 2 ? one : two;
        const auto lease = wait_for(lock.try_acquire("me"));
        REQUIRE(lease.has_value());
        CHECK(lease->fence == last + 1);
        last = lease->fence;
        asio::io_context context;
        asio::co_spawn(context, lock.release(*lease), asio::use_future);
        context.run();
    }
    CHECK(*FenceStore(dir.path).read() == last);
}

TEST_CASE("the local lock excludes another holder until it is released") {
    StateDir dir;
    LocalLock one(dir.fences()), two(dir.fences());
    const auto lease = wait_for(one.try_acquire("me"));
    REQUIRE(lease.has_value());
    CHECK(wait_for(two.try_acquire("you")).error() == LockError::held);
    CHECK(wait_for(acquire(two, "you", std::chrono::milliseconds(60), half)).error() == LockError::timed_out);
    asio::io_context context;
    asio::co_spawn(context, one.release(*lease), asio::use_future);
    context.run();
    CHECK(wait_for(acquire(two, "you", std::chrono::milliseconds(60), half)).has_value());
}

TEST_CASE("a missing state directory makes the lock unavailable and is named") {
    asio::thread_pool disk(1);
    LocalLock lock(AsyncFenceStore(disk.get_executor(), "/nonexistent"));
    const auto taken = wait_for(lock.try_acquire("me"));
    CHECK(taken.error() == LockError::unavailable);
    CHECK(taken.error().message().find("/nonexistent/reload.lock") != std::string::npos);
}

TEST_CASE("a hanging disk delays the lock, and nothing else") {
    StateDir dir;
    LocalLock lock(dir.fences());
    std::promise<void> hangs;
    asio::post(dir.disk, [over = hangs.get_future().share()] { over.wait(); });
    asio::io_context context;
    auto lease = asio::co_spawn(context, lock.try_acquire("me"), asio::use_future);
    bool served = false;
    asio::post(context, [&] { served = true; });
    context.poll(); // returns, because nothing here blocks
    CHECK(served);
    CHECK(lease.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
    hangs.set_value();
    context.run();
    CHECK(lease.get().value().fence == 1);
}

TEST_CASE("a fence that cannot be read is an error, not a zero") {
    const StateDir dir;
    const FenceStore store(dir.path);
    CHECK(*store.read() == 0);
    CHECK(store.raise(41));
    CHECK(*store.read() == 41);
    for (const char* text : {"", "41", "x\n", "-1\n"}) {
        std::ofstream(dir.path / "fence") << text;
        INFO(text);
        CHECK_FALSE(store.read());
    }
}

TEST_CASE("a machine accepts no lower fence and one configuration per fence") {
    const StateDir dir;
    const FenceStore store(dir.path);
    CHECK(store.raise(5));
    CHECK(store.admit(5, "aaa"));
    CHECK(store.admit(5, "aaa")); // the same again is admitted
    CHECK(store.admit(5, "bbb").error() == LockError::lost);
    CHECK(store.admit(4, "aaa").error() == LockError::lost);
    CHECK(store.raise(4).error() == LockError::lost);
    CHECK(*store.read() == 5);
    CHECK(store.admit(9, "bbb")); // whichever server granted the lease
    CHECK(*FenceStore(dir.path).read() == 9);
    CHECK(FenceStore(dir.path).admit(9, "aaa").error() == LockError::lost);
    CHECK(store.raise(10));
    CHECK(store.admit(10, "aaa"));
}

TEST_CASE("an unreachable server is asked less often, and at once when it is back") {
    Reconnect again;
    const weir::Clock::TimePoint now{};
    CHECK(again.may_try(now));
    again.failed(now, 1);
    CHECK_FALSE(again.may_try(now + std::chrono::milliseconds(24)));
    CHECK(again.may_try(now + std::chrono::milliseconds(25)));
    for (int i = 0; i < 100; ++i) again.failed(now, 1);
    CHECK_FALSE(again.may_try(now + std::chrono::milliseconds(999)));
    CHECK(again.may_try(now + std::chrono::milliseconds(1000)));
    again.failed(now, 0);
    CHECK(again.may_try(now + std::chrono::milliseconds(500)));
    again.succeeded();
    CHECK(again.may_try(now));
}

TEST_CASE("pauses between attempts double and stay under half a second") {
    CHECK(backoff(1, 0) == std::chrono::milliseconds(12));
    CHECK(backoff(1, 1) == std::chrono::milliseconds(25));
    CHECK(backoff(2, 1) == std::chrono::milliseconds(50));
    CHECK(backoff(5, 1) == std::chrono::milliseconds(400));
    CHECK(backoff(500, 1) == std::chrono::milliseconds(400));
}

TEST_CASE("Redis URLs") {
    const auto full = RedisAddress::parse("redis://cache1:6380/2");
    REQUIRE(full);
    CHECK(full->host == "cache1");
    CHECK(full->port == "6380");
    CHECK(full->database == 2);
    CHECK(RedisAddress::parse("redis://[::1]")->host == "::1");
    CHECK(RedisAddress::parse("redis://[::1]:7")->port == "7");
    CHECK(RedisAddress::parse("rediss://cache:7/1")->kind == RedisAddress::Kind::tls);
    const auto sentinel = RedisAddress::parse("sentinel://s1/mymaster");
    REQUIRE(sentinel);
    CHECK((sentinel->port == "26379" && sentinel->master == "mymaster"));
    for (const char* text : {"", "http://x", "redis://", "redis://x:y", "redis://x/y", "redis://:1", "redis://x:0",
                             "redis://x:65536", "sentinel://x", "sentinel://x/"}) {
        INFO(text);
        CHECK_FALSE(RedisAddress::parse(text));
    }
}

TEST_CASE("what a Redis refuses is reported with a remedy") {
    const auto explained = [](const std::string& error) {
        RedisReply reply;
        REQUIRE(RedisReader().feed("-" + error + "\r\n", reply) == ReaderState::has_reply);
        return explain(reply);
    };
    CHECK(explained("READONLY You can't write against a read only replica.").find("sentinel://HOST/MASTER") !=
          std::string::npos);
    CHECK(explained("LOADING Redis is loading the dataset in memory").find("try again later") != std::string::npos);
    CHECK(explained("ERR Protocol error: unauthenticated multibulk length").find("set password") != std::string::npos);
    CHECK(explained("ERR unknown command") == "ERR unknown command");
    CHECK(is_about_server(parse_redis_error("MOVED 866 127.0.0.1:7000")));
    CHECK_FALSE(is_about_server(parse_redis_error("ERR syntax error")));
}

TEST_CASE("Redis replies are read as they come, and nonsense breaks off") {
    RedisReply reply;
    RedisReader reader;
    for (const char c : std::string_view("*2\r\n:42\r\n$2\r\nOK\r"))
        REQUIRE(reader.feed({&c, 1}, reply) == ReaderState::needs_more);
    REQUIRE(reader.feed("\n", reply) == ReaderState::has_reply);
    REQUIRE(reply.items.size() == 2);
    CHECK(reply.items[0].number == 42);
    CHECK(reply.items[1].text == "OK");
    CHECK(reader.feed("-ERR no\r\n", reply) == ReaderState::has_reply);
    CHECK(reply.type == RedisReply::Type::error);
    CHECK(RedisReader().feed("HTTP/1.1 400\r\n", reply) == ReaderState::broken);
    CHECK(RedisReader().feed("$100000000000\r\n" + std::string(1100000, 'x'), reply) == ReaderState::broken);
    // A list that claims to be huge must not cause a huge allocation.
    for (const char* text : {"*800000000\r\n", "*4097\r\n", "*2\r\n*9999999\r\n"}) {
        INFO(text);
        CHECK(RedisReader().feed(text, reply) == ReaderState::broken);
    }
    CHECK(format_command({"SET", "a b", ""}) == "*3\r\n$3\r\nSET\r\n$3\r\na b\r\n$0\r\n\r\n");
}
