#include "lock/redis_lock.h"

#include <random>

namespace weir::lock {
namespace {

// Answers the fence, or the holder's token.
constexpr const char* acquire_script = R"(
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return redis.call('GET', KEYS[1])
end
local fence = redis.call('INCR', KEYS[2])
local floor = tonumber(ARGV[3])
if fence <= floor then
  fence = floor + 1
  redis.call('SET', KEYS[2], string.format('%.0f', fence))
end
return fence
)";

constexpr const char* renew_script = R"(
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
)";

constexpr const char* release_script = R"(
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
)";

} // namespace

std::string make_token(const std::string& holder) {
    std::random_device random;
    std::string token = holder + ":";
    for (int i = 0; i < 4; ++i) {
        auto bits = random();
        for (int digit = 0; digit < 8; ++digit, bits >>= 4) token += "0123456789abcdef"[bits & 15];
    }
    return token;
}

// The braces keep both keys in one slot of a cluster.
RedisLock::RedisLock(boost::asio::any_io_executor executor, RedisLockOptions options)
    : options_(std::move(options)), key_("weir:{" + options_.fleet + "}:lock"),
      fence_key_("weir:{" + options_.fleet + "}:fence"), fences_(options_.state_dir),
      client_(executor, options_.server) {}

boost::system::error_code RedisLock::fail(std::string why) {
    problem_ = std::move(why);
    return LockError::unavailable;
}

// `words` are the script, the number of its keys, the keys and the arguments. They come ready made: g++ 12 cannot build
// a list within an expression that waits.
Awaitable<Result<RedisReply>> RedisLock::run(std::vector<std::string> words) {
    words.insert(words.begin(), "EVAL");
    auto reply = co_await client_.call(std::move(words));
    if (!reply) co_return fail(client_.problem());
    if (reply->type == RedisReply::Type::error) co_return fail(options_.server.url + ": " + reply->text);
    co_return reply;
}

Awaitable<Result<Lease>> RedisLock::try_acquire(std::string holder) {
    const auto floor = fences_.read();
    if (!floor) co_return fail("the fence in " + options_.state_dir + ": " + floor.error().message());
    Lease lease{0, make_token(holder), Clock::now() + options_.ttl};
    const std::vector<std::string> words{
        acquire_script,        "2", key_, fence_key_, lease.token, std::to_string(options_.ttl.count()),
        std::to_string(*floor)};
    const auto reply = co_await run(words);
    if (!reply) {
        // The answer may have been lost on the way, and the lock taken: give it back, whichever it was.
        co_await release(lease);
        co_return reply.error();
    }
    if (reply->type != RedisReply::Type::number) co_return LockError::held;
    lease.fence = static_cast<std::uint64_t>(reply->number);
    if (const auto error = fences_.write(lease.fence)) {
        co_await release(lease);
        co_return fail("the fence in " + options_.state_dir + ": " + error.message());
    }
    co_return lease;
}

Awaitable<boost::system::error_code> RedisLock::renew(Lease& lease) {
    const auto deadline = Clock::now() + options_.ttl;
    const std::vector<std::string> words{renew_script, "1", key_, lease.token, std::to_string(options_.ttl.count())};
    const auto reply = co_await run(words);
    if (!reply) co_return reply.error();
    if (reply->number != 1) co_return LockError::lost;
    lease.deadline = deadline;
    co_return boost::system::error_code();
}

Awaitable<void> RedisLock::release(Lease lease) {
    const auto problem = problem_;
    const std::vector<std::string> words{release_script, "1", key_, lease.token};
    const auto ignored = co_await run(words);
    if (!ignored && !problem.empty()) problem_ = problem; // what went wrong first says more
}

} // namespace weir::lock
