#include "lock/fleet/fleet_records.h"

#include "lock/fleet/fleet_view.h"

#include <algorithm>
#include <map>
#include <utility>

namespace weir::lock {
namespace {

// Stores a heartbeat. Members are a Redis hash of texts, and a sorted set of the times of their last heartbeats by the
// server's clock. The script also counts the different configurations that they run; it can search a member's text for
// the field, because quotes within other fields are escaped.
constexpr const char* heartbeat_script = R"(
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ms, ARGV[1])
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ms - tonumber(ARGV[3]))) do
  redis.call('HDEL', KEYS[1], name)
  redis.call('ZREM', KEYS[2], name)
end
local seen, texts = {}, 0
for _, member in ipairs(redis.call('HVALS', KEYS[1])) do
  local hash = string.match(member, '"hash":"(%x+)')
  if hash and not seen[hash] then
    seen[hash] = true
    texts = texts + 1
  end
end
local newest = redis.call('LINDEX', KEYS[4], 0)
return {tonumber(redis.call('GET', KEYS[3]) or '0'), newest or '', redis.call('GET', KEYS[5]) or '', texts}
)";

constexpr const char* leave_script = R"(
redis.call('HDEL', KEYS[1], ARGV[1])
return redis.call('ZREM', KEYS[2], ARGV[1])
)";

// Begins a change. Returns 1, or 0 if the change comes too late. A parallel change must follow one that has passed its
// canary window.
constexpr const char* begin_script = R"(
local last = redis.call('HMGET', KEYS[1], 'fence', 'hash', 'stood')
local fence, known = tonumber(ARGV[1]), tonumber(last[1] or '0')
if fence < known or (fence == known and last[2] ~= ARGV[2]) then return 0 end
if ARGV[4] == 'beside' and (last[2] ~= ARGV[2] or last[3] ~= '1') then return 0 end
if last[2] ~= ARGV[2] then redis.call('HDEL', KEYS[1], 'stood') end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'hash', ARGV[2])
redis.call('LPUSH', KEYS[2], ARGV[3])
redis.call('LTRIM', KEYS[2], 0, 49)
return 1
)";

// Ends a change. Returns the same as begin_script. Parallel changes end in any order, so it is enough that the last
// change begun is of the same configuration, and that no change has found this configuration bad. A server that missed
// the beginning of the change records it here.
constexpr const char* finish_script = R"(
local last = redis.call('HMGET', KEYS[1], 'fence', 'hash')
local fence, known = tonumber(ARGV[1]), tonumber(last[1] or '0')
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[3], ARGV[2], ARGV[4])
  redis.call('HSET', KEYS[5], ARGV[2], math.max(fence, known))
  redis.call('HDEL', KEYS[6], ARGV[2])
  redis.call('ZREM', KEYS[4], ARGV[2])
elseif tonumber(redis.call('HGET', KEYS[5], ARGV[2]) or '-1') >= fence then
  return 0
end
if known >= fence and last[2] ~= ARGV[2] then return 0 end
if known < fence then redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'hash', ARGV[2]) end
if ARGV[4] == '' then
  redis.call('HSET', KEYS[1], 'stood', '1')
  redis.call('HDEL', KEYS[3], ARGV[2])
  redis.call('HDEL', KEYS[5], ARGV[2])
  redis.call('ZADD', KEYS[4], ARGV[1], ARGV[2])
  redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -51)
else
  redis.call('HDEL', KEYS[1], 'stood')
end
redis.call('LPUSH', KEYS[2], ARGV[3])
redis.call('LTRIM', KEYS[2], 0, 49)
return 1
)";

constexpr const char* verdict_script = R"(
return {redis.call('HGET', KEYS[1], ARGV[1]) or '', tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0')}
)";

// Removes a configuration from the denylist. The server remembers for a month that it was unbanned, so that machines
// that were offline learn of it.
constexpr const char* unban_script = R"(
local fence = math.max(1, tonumber(redis.call('GET', KEYS[4]) or '0'), tonumber(redis.call('HGET', KEYS[5], 'fence') or '0'))
redis.call('HSET', KEYS[3], ARGV[1], string.format('%.0f', fence))
redis.call('EXPIRE', KEYS[3], 2592000)
redis.call('HDEL', KEYS[2], ARGV[1])
return redis.call('HDEL', KEYS[1], ARGV[1])
)";

// Deletes the lock. The keys of further slots are those of the first slot with the slot number appended.
constexpr const char* break_script = R"(
local there = redis.call('DEL', KEYS[1], KEYS[3])
for _, place in ipairs(redis.call('SMEMBERS', KEYS[4])) do
  there = there + redis.call('DEL', KEYS[1] .. ':' .. place, KEYS[3] .. ':' .. place)
end
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], 0, 49)
return there > 0 and 1 or 0
)";

// Returns the highest fence that was begun, and whether that change was of this configuration and passed its canary
// window.
constexpr const char* stood_script = R"(
local last = redis.call('HMGET', KEYS[1], 'fence', 'hash', 'stood')
return {tonumber(last[1] or '0'), last[2] == ARGV[1] and last[3] == '1' and 1 or 0}
)";

} // namespace

FleetRecords::FleetRecords(std::shared_ptr<RedisQuorum> servers, const std::string& fleet)
    : key_(fleet), servers_(std::move(servers)) {}

Awaitable<Result<HeartbeatReply>> FleetRecords::send_heartbeat(FleetMember member) {
    const std::vector<std::string> words{
        heartbeat_script, "5",          key_("members"), key_("seen"),    key_("fence"),
        key_("versions"), key_("lock"), member.name,     to_text(member), std::to_string(member_life.count())};
    const auto replies = co_await servers_->run(words, Urgency::when_due);
    if (!replies) co_return replies.error();
    HeartbeatReply result;
    std::vector<FleetVersion> versions;
    std::map<std::string, std::size_t> holders;
    for (const auto& reply : *replies) {
        if (reply.items.size() != 4) continue;
        ++holders[holder_of(reply.items[2].text)];
        result.fence = std::max(result.fence, static_cast<std::uint64_t>(reply.items[0].number));
        result.texts =
            std::max(result.texts, static_cast<std::size_t>(std::max<std::int64_t>(0, reply.items[3].number)));
        if (auto version = version_from(reply.items[1].text)) versions.push_back(std::move(*version));
    }
    result.newest = newest_of(versions);
    // A token on a minority of the servers belongs to an attempt that failed, or to a lease that is being released.
    for (const auto& [holder, count] : holders)
        if (count > replies->size() / 2) result.holder = holder;
    co_return result;
}

Awaitable<Result<void>> FleetRecords::leave(std::string name) {
    const std::vector<std::string> words{leave_script, "2", key_("members"), key_("seen"), name};
    const auto left = co_await servers_->count(words);
    if (!left) co_return left.error();
    co_return Result<void>();
}

Awaitable<Result<void>> FleetRecords::begin(FleetChange change, ChangeKind kind) {
    change.verdict = ChangeVerdict::begun;
    const std::vector<std::string> words{begin_script,
                                         "2",
                                         key_("applied"),
                                         key_("changes"),
                                         std::to_string(change.fence),
                                         change.hash,
                                         to_text(change),
                                         kind == ChangeKind::parallel ? "beside" : "first"};
    co_return co_await servers_->agree(words);
}

Awaitable<Result<void>> FleetRecords::finish(FleetChange change) {
    std::string bad;
    if (change.verdict == ChangeVerdict::bad)
        bad = to_text(FleetDenylistEntry{change.hash, change.reason, change.member, change.at});
    const std::vector<std::string> words{finish_script,
                                         "6",
                                         key_("applied"),
                                         key_("changes"),
                                         key_("bad"),
                                         key_("stood"),
                                         key_("bad_fences"),
                                         key_("forgiven"),
                                         std::to_string(change.fence),
                                         change.hash,
                                         to_text(change),
                                         bad};
    co_return co_await servers_->agree(words);
}

Awaitable<Result<FleetVerdict>> FleetRecords::verdict(std::string hash) {
    const std::vector<std::string> words{verdict_script, "2", key_("bad"), key_("forgiven"), hash};
    const auto replies = co_await servers_->run(words);
    if (!replies) co_return replies.error();
    FleetVerdict verdict;
    for (const auto& reply : *replies) {
        if (reply.items.size() != 2) continue;
        if (!verdict.denied) verdict.denied = denylist_entry_from(reply.items[0].text);
        verdict.unbanned_fence = std::max(verdict.unbanned_fence,
                                          static_cast<std::uint64_t>(std::max<std::int64_t>(0, reply.items[1].number)));
    }
    if (verdict.denied) verdict.unbanned_fence = 0;
    co_return verdict;
}

Awaitable<bool> FleetRecords::passed_canary(std::string hash) {
    const std::vector<std::string> words{stood_script, "1", key_("applied"), hash};
    const auto replies = co_await servers_->run(words);
    if (!replies) co_return false;
    std::pair<std::int64_t, bool> last{-1, false}; // the reply of the server with the highest fence
    for (const auto& reply : *replies)
        if (reply.items.size() == 2)
            last = std::max(last, std::pair(reply.items[0].number, reply.items[1].number == 1));
    co_return last.second;
}

Awaitable<Result<std::uint64_t>> FleetRecords::unban(std::string hash) {
    const std::vector<std::string> words{unban_script,     "5",           key_("bad"),     key_("bad_fences"),
                                         key_("forgiven"), key_("fence"), key_("applied"), hash};
    co_return co_await servers_->count(words);
}

Awaitable<Result<FleetView>> FleetRecords::view() {
    const std::vector<std::string> words{view_script,     "9",          key_("lock"), key_("since"),   key_("fence"),
                                         key_("members"), key_("seen"), key_("bad"),  key_("changes"), key_("versions"),
                                         key_("places")};
    const auto replies = co_await servers_->run(words);
    if (!replies) co_return replies.error();
    FleetView view;
    for (const auto& reply : *replies) merge(view, view_from(reply, member_life));
    std::sort(view.members.begin(), view.members.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    std::sort(view.denylist.begin(), view.denylist.end(),
              [](const auto& a, const auto& b) { return a.since > b.since; });
    co_return view;
}

Awaitable<Result<std::uint64_t>> FleetRecords::break_lock(FleetChange note) {
    note.verdict = ChangeVerdict::broken;
    const std::vector<std::string> words{break_script,   "4",          key_("lock"), key_("changes"), key_("since"),
                                         key_("places"), to_text(note)};
    co_return co_await servers_->count(words);
}

} // namespace weir::lock
