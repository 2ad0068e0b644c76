// The Redis lock against a real redis-server on a private port.
#include "lock/acquire.h"
#include "lock/redis_lock.h"
#include "tests/catch.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <csignal>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace weir::lock;
namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

template <class T> T wait_for(asio::io_context& context, Awaitable<T> work) {
    auto future = asio::co_spawn(context, std::move(work), asio::use_future);
    context.restart();
    while (future.wait_for(milliseconds(0)) != std::future_status::ready) context.run_one();
    return future.get();
}

unsigned short free_port() {
    asio::io_context context;
    return asio::ip::tcp::acceptor(context, {asio::ip::address_v4::loopback(), 0}).local_endpoint().port();
}

// A server of the test's own, ended by its own id.
class Redis {
public:
    Redis() {
        const auto port = std::to_string(port_);
        const char* argv[] = {"redis-server", "--port", port.c_str(),   "--bind", "127.0.0.1",
                              "--save",       "",       "--appendonly", "no",     nullptr};
        posix_spawn_file_actions_t files;
        ::posix_spawn_file_actions_init(&files);
        ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        REQUIRE(::posix_spawnp(&id_, argv[0], &files, nullptr, const_cast<char**>(argv), environ) == 0);
        ::posix_spawn_file_actions_destroy(&files);
        while (call({"PING"}).text != "PONG") ::usleep(2000);
    }
    ~Redis() {
        ::kill(id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
        std::filesystem::remove_all(state_);
    }

    RedisReply call(std::vector<std::string> words) {
        RedisClient client(context.get_executor(), {url(), "", "", milliseconds(1000), "", {}});
        const auto reply = wait_for(context, client.call(std::move(words)));
        return reply ? *reply : RedisReply{};
    }
    std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }
    std::shared_ptr<RedisLock> lock(milliseconds ttl) {
        std::filesystem::create_directories(state_);
        return std::make_shared<RedisLock>(context.get_executor(),
                                           RedisOptions{url(), "", "", milliseconds(1000), "", {}},
                                           LeaseTerms{"t", ttl, 0}, state_);
    }
    void pass(milliseconds time) {
        asio::steady_timer timer(context, time);
        bool over = false;
        timer.async_wait([&](auto) { over = true; });
        context.restart();
        while (!over) context.run_one();
    }

    asio::io_context context;

private:
    unsigned short port_ = free_port();
    pid_t id_ = -1;
    std::filesystem::path state_ =
        std::filesystem::temp_directory_path() / ("weir-redis-test-" + std::to_string(::getpid()));
};

const std::string key = "weir:{t}:lock";

Awaitable<int> release(std::shared_ptr<Lock> lock, Lease lease) {
    co_await lock->release(lease);
    co_return 0;
}

Awaitable<int> release(Keeper& keeper) {
    co_await keeper.release();
    co_return 0;
}

} // namespace

TEST_CASE("a Redis lease excludes others, and is given back by its own token alone") {
    Redis redis;
    const auto one = redis.lock(milliseconds(5000)), two = redis.lock(milliseconds(5000));
    const auto lease = wait_for(redis.context, one->try_acquire("one"));
    REQUIRE(lease.has_value());
    CHECK(lease->fence == 1);
    CHECK(wait_for(redis.context, two->try_acquire("two")).error() == LockError::held);
    CHECK(redis.call({"PTTL", key}).number <= 5000);
    CHECK(redis.call({"PTTL", key}).number > 3000);

    auto forged = *lease;
    forged.token = "one:guess";
    wait_for(redis.context, release(two, forged));
    CHECK(redis.call({"GET", key}).text == lease->token); // still there
    CHECK(wait_for(redis.context, two->renew(forged)) == LockError::lost);
    wait_for(redis.context, release(one, *lease));
    CHECK(redis.call({"EXISTS", key}).number == 0);
    CHECK(wait_for(redis.context, two->try_acquire("two"))->fence == 2);
}

TEST_CASE("a keeper holds a lease beyond its time to live") {
    Redis redis;
    const auto lock = redis.lock(milliseconds(1500));
    const auto lease = wait_for(redis.context, lock->try_acquire("me"));
    REQUIRE(lease.has_value());
    Keeper keeper(lock, redis.context.get_executor(), *lease);
    while (Clock::now() < lease->deadline + milliseconds(500)) redis.pass(milliseconds(50));
    CHECK(keeper.is_held());
    CHECK(redis.call({"GET", key}).text == lease->token);
    wait_for(redis.context, release(keeper));
    CHECK(redis.call({"EXISTS", key}).number == 0);
}

TEST_CASE("a lease that went to another is lost, and the other's is left alone") {
    Redis redis;
    const auto lock = redis.lock(milliseconds(300));
    const auto lease = wait_for(redis.context, lock->try_acquire("me"));
    REQUIRE(lease.has_value());
    Keeper keeper(lock, redis.context.get_executor(), *lease);
    redis.call({"SET", key, "someone else"});
    while (keeper.is_held()) redis.pass(milliseconds(10));
    wait_for(redis.context, release(keeper));
    CHECK(redis.call({"GET", key}).text == "someone else");
}

TEST_CASE("a lease whose renewal gets no answer is not believed in after its deadline") {
    auto redis = std::make_unique<Redis>();
    const auto lock = redis->lock(milliseconds(300));
    const auto lease = wait_for(redis->context, lock->try_acquire("me"));
    REQUIRE(lease.has_value());
    Keeper keeper(lock, redis->context.get_executor(), *lease);
    redis->call({"CLIENT", "PAUSE", "5000", "ALL"});
    while (keeper.is_held()) redis->pass(milliseconds(10));
    CHECK(Clock::now() >= lease->deadline);
}
