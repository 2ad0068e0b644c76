#include "lock/redis/redis_leases.h"

namespace weir::lock {
namespace {

// Takes the lock. Returns the fence, or the holder's token if the lock is held. The fence is also above that of the
// last change begun, in case the counter was lost.
constexpr const char* acquire_script = R"(
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return redis.call('GET', KEYS[1])
end
if ARGV[4] ~= '1' then redis.call('SADD', KEYS[4], ARGV[4]) end
local now = redis.call('TIME')
redis.call('SET', KEYS[3], now[1] * 1000 + math.floor(now[2] / 1000), 'PX', ARGV[2])
local fence = redis.call('INCR', KEYS[2])
local floor = math.max(tonumber(ARGV[3]), tonumber(redis.call('HGET', KEYS[5], 'fence') or '0'))
if fence <= floor then
  fence = floor + 1
  redis.call('SET', KEYS[2], string.format('%.0f', fence))
end
return fence
)";

constexpr const char* renew_script = R"(
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
)";

constexpr const char* release_script = R"(
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[2])
  return redis.call('DEL', KEYS[1])
end
return 0
)";

constexpr const char* raise_script = R"(
if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1])
end
return 1
)";

} // namespace

RedisLeases::RedisLeases(boost::asio::any_io_executor executor, RedisOptions server, LeaseTerms terms)
    : terms_(std::move(terms)), key_(terms_.fleet), server_(server), client_(executor, std::move(server)) {}

// Runs a script. `words` are its text, the number of its keys, the keys and the arguments. Callers build the list
// beforehand, because g++ 12 cannot build a list within an expression that contains co_await.
Awaitable<Result<RedisReply>> RedisLeases::run(std::vector<std::string> words) {
    words.insert(words.begin(), "EVAL");
    auto reply = co_await client_.call(std::move(words));
    if (reply && reply->is_error()) co_return Error(LockError::unavailable, server_.url + ": " + explain(*reply));
    co_return reply;
}

Awaitable<Result<std::uint64_t>> RedisLeases::take(std::string token, std::uint64_t floor) {
    const std::vector<std::string> words{
        acquire_script,  "5",   own_key("lock"), key_("fence"),         own_key("since"),           key_("places"),
        key_("applied"), token, ttl(),           std::to_string(floor), std::to_string(terms_.slot)};
    const auto reply = co_await run(words);
    if (!reply) co_return reply.error();
    if (reply->type != RedisReply::Type::number) co_return LockError::held;
    if (const auto held = co_await wait_for_replicas(); !held) co_return held.error();
    co_return static_cast<std::uint64_t>(reply->number);
}

// Waits until enough replicas have the lease. If the master failed before that, another machine could take the lock.
Awaitable<Result<void>> RedisLeases::wait_for_replicas() {
    if (terms_.replicas == 0) co_return Result<void>();
    const auto wait_timeout = server_.timeout / 2;
    const std::vector<std::string> words{"WAIT", std::to_string(terms_.replicas), std::to_string(wait_timeout.count())};
    const auto reply = co_await client_.call(words);
    if (!reply) co_return reply.error();
    if (reply->type == RedisReply::Type::number && reply->number >= terms_.replicas) co_return Result<void>();
    co_return Error(LockError::unavailable, server_.url + ": " + std::to_string(reply->number) + " of " +
                                                std::to_string(terms_.replicas) +
                                                " replicas have confirmed the lease (reload.lock.replicas)");
}

Awaitable<Result<std::uint64_t>> RedisLeases::extend(std::string token) {
    const std::vector<std::string> words{renew_script, "2", own_key("lock"), own_key("since"), token, ttl()};
    const auto reply = co_await run(words);
    if (!reply) co_return reply.error();
    if (reply->number != 1) co_return LockError::lost;
    co_return 1;
}

Awaitable<Result<std::uint64_t>> RedisLeases::release(std::string token) {
    const std::vector<std::string> words{release_script, "2", own_key("lock"), own_key("since"), token};
    const auto reply = co_await run(words);
    if (!reply) co_return reply.error();
    co_return static_cast<std::uint64_t>(reply->number);
}

Awaitable<Result<std::uint64_t>> RedisLeases::raise_fence(std::uint64_t fence) {
    const std::vector<std::string> words{raise_script, "1", key_("fence"), std::to_string(fence)};
    const auto reply = co_await run(words);
    if (!reply) co_return reply.error();
    co_return fence;
}

} // namespace weir::lock
