#include "lock/fleet_records.h"

#include "lock/gather.h"

#include <algorithm>
#include <cstdlib>

namespace weir::lock {
namespace {

// Members are a hash of texts and a sorted set of when each was last heard of, by the server's clock.
constexpr const char* tell_script = R"(
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ms, ARGV[1])
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ms - tonumber(ARGV[3]))) do
  redis.call('HDEL', KEYS[1], name)
  redis.call('ZREM', KEYS[2], name)
end
return tonumber(redis.call('GET', KEYS[3]) or '0')
)";

constexpr const char* leave_script = R"(
redis.call('HDEL', KEYS[1], ARGV[1])
return redis.call('ZREM', KEYS[2], ARGV[1])
)";

// Answers 1, or 0 where the change comes too late.
constexpr const char* begin_script = R"(
local last = redis.call('HMGET', KEYS[1], 'fence', 'hash')
local fence, known = tonumber(ARGV[1]), tonumber(last[1] or '0')
if fence < known or (fence == known and last[2] ~= ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'hash', ARGV[2])
redis.call('LPUSH', KEYS[2], ARGV[3])
redis.call('LTRIM', KEYS[2], 0, 49)
return 1
)";

constexpr const char* finish_script = R"(
if ARGV[4] ~= '' then redis.call('HSET', KEYS[3], ARGV[2], ARGV[4]) end
local last = redis.call('HMGET', KEYS[1], 'fence', 'hash')
if tonumber(last[1] or '0') ~= tonumber(ARGV[1]) or last[2] ~= ARGV[2] then return 0 end
if ARGV[4] == '' then redis.call('HDEL', KEYS[3], ARGV[2]) end
redis.call('LPUSH', KEYS[2], ARGV[3])
redis.call('LTRIM', KEYS[2], 0, 49)
return 1
)";

constexpr const char* break_script = R"(
local there = redis.call('DEL', KEYS[1], KEYS[3])
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], 0, 49)
return there > 0 and 1 or 0
)";

// A list: the lock's token, its time to live, since when it is held, the fence, the server's time, and then members,
// when they were heard of, bad ones and changes, each a list.
constexpr const char* view_script = R"(
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
return {redis.call('GET', KEYS[1]) or '', redis.call('PTTL', KEYS[1]), redis.call('GET', KEYS[2]) or '0',
  redis.call('GET', KEYS[3]) or '0', tostring(ms), redis.call('HGETALL', KEYS[4]),
  redis.call('ZRANGE', KEYS[5], 0, -1, 'WITHSCORES'), redis.call('HVALS', KEYS[6]), redis.call('LRANGE', KEYS[7], 0, 49)}
)";

std::int64_t to_number(const std::string& text) { return std::strtoll(text.c_str(), nullptr, 10); }

// The holder's name: what stands before the random part of its token.
std::string holder_of(const std::string& token) { return token.substr(0, token.rfind(':')); }

FleetView view_from(const RedisReply& reply) {
    FleetView view;
    const auto& items = reply.items;
    if (items.size() != 9) return view;
    const auto now = to_number(items[4].text);
    view.holder = holder_of(items[0].text);
    view.lease_left_ms = std::max<std::int64_t>(items[1].number, 0);
    if (!view.holder.empty() && items[2].text != "0") view.held_for_ms = now - to_number(items[2].text);
    view.fence = static_cast<std::uint64_t>(to_number(items[3].text));
    for (std::size_t i = 0; i + 1 < items[5].items.size(); i += 2) {
        auto member = member_from(items[5].items[i + 1].text);
        if (!member) continue;
        member->silent_ms = now;
        for (std::size_t k = 0; k + 1 < items[6].items.size(); k += 2)
            if (items[6].items[k].text == member->name) member->silent_ms = now - to_number(items[6].items[k + 1].text);
        if (member->silent_ms <= FleetRecords::member_life.count()) view.members.push_back(std::move(*member));
    }
    for (const auto& item : items[7].items)
        if (auto bad = bad_from(item.text)) view.bad.push_back(std::move(*bad));
    for (const auto& item : items[8].items)
        if (auto change = change_from(item.text)) view.changes.push_back(std::move(*change));
    return view;
}

// What several servers tell: they may have missed some of it.
void merge(FleetView& into, FleetView other) {
    const auto has = [](const auto& all, auto key) {
        return [&all, key](const auto& one) {
            return std::any_of(all.begin(), all.end(), [&](const auto& a) { return a.*key == one.*key; });
        };
    };
    std::erase_if(other.members, has(into.members, &FleetMember::name));
    std::erase_if(other.bad, has(into.bad, &FleetBad::hash));
    into.members.insert(into.members.end(), other.members.begin(), other.members.end());
    into.bad.insert(into.bad.end(), other.bad.begin(), other.bad.end());
    if (!other.changes.empty() && (into.changes.empty() || into.changes[0].fence < other.changes[0].fence))
        into.changes = std::move(other.changes);
    if (into.holder.empty() || other.fence > into.fence) {
        into.holder = other.holder;
        into.held_for_ms = other.held_for_ms;
        into.lease_left_ms = other.lease_left_ms;
    }
    into.fence = std::max(into.fence, other.fence);
}

} // namespace

FleetRecords::FleetRecords(boost::asio::any_io_executor executor, const std::vector<RedisOptions>& servers,
                           const std::string& fleet)
    : prefix_("weir:{" + fleet + "}:"), executor_(executor) {
    for (const auto& server : servers) clients_.push_back(std::make_unique<RedisClient>(executor, server));
}

Awaitable<Result<std::vector<RedisReply>>> FleetRecords::run(std::vector<std::string> words) {
    words.insert(words.begin(), "EVAL");
    std::vector<Awaitable<Result<RedisReply>>> questions;
    for (const auto& client : clients_) questions.push_back(client->call(words));
    auto answers = co_await gather(executor_, std::move(questions));
    std::vector<RedisReply> replies;
    std::string problem;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        auto& answer = answers[i];
        if (answer && answer->type != RedisReply::Type::error) replies.push_back(std::move(*answer));
        else problem += (problem.empty() ? "" : "; ") + (answer ? explain(answer->text) : clients_[i]->problem());
    }
    if (replies.size() > clients_.size() / 2) co_return replies;
    problem_ = problem;
    co_return LockError::unavailable;
}

// The highest of the numbers that were answered.
Awaitable<Result<std::uint64_t>> FleetRecords::count(std::vector<std::string> words) {
    const auto replies = co_await run(std::move(words));
    if (!replies) co_return replies.error();
    std::int64_t most = 0;
    for (const auto& reply : *replies) most = std::max(most, reply.number);
    co_return static_cast<std::uint64_t>(most);
}

boost::system::error_code FleetRecords::verdict(const Result<std::vector<RedisReply>>& replies) const {
    if (!replies) return replies.error();
    const auto yes = std::count_if(replies->begin(), replies->end(), [](const RedisReply& r) { return r.number == 1; });
    if (static_cast<std::size_t>(yes) > clients_.size() / 2) return {};
    return LockError::lost;
}

Awaitable<Result<std::uint64_t>> FleetRecords::tell(FleetMember member) {
    const std::vector<std::string> words{
        tell_script,  "3",         key("members"),  key("seen"),
        key("fence"), member.name, to_text(member), std::to_string(member_life.count())};
    co_return co_await count(words);
}

Awaitable<boost::system::error_code> FleetRecords::leave(std::string name) {
    const std::vector<std::string> words{leave_script, "2", key("members"), key("seen"), name};
    const auto left = co_await count(words);
    co_return left ? boost::system::error_code() : left.error();
}

Awaitable<boost::system::error_code> FleetRecords::begin(FleetChange change) {
    change.verdict = "begun";
    const std::vector<std::string> words{
        begin_script, "2", key("applied"), key("changes"), std::to_string(change.fence), change.hash, to_text(change)};
    const auto replies = co_await run(words);
    co_return verdict(replies);
}

Awaitable<boost::system::error_code> FleetRecords::finish(FleetChange change) {
    std::string bad;
    if (change.verdict == "bad") bad = to_text(FleetBad{change.hash, change.why, change.member, change.at});
    const std::vector<std::string> words{
        finish_script,   "3", key("applied"), key("changes"), key("bad"), std::to_string(change.fence), change.hash,
        to_text(change), bad};
    const auto replies = co_await run(words);
    co_return verdict(replies);
}

Awaitable<Result<std::optional<FleetBad>>> FleetRecords::find_bad(std::string hash) {
    const std::vector<std::string> words{"return redis.call('HGET', KEYS[1], ARGV[1])", "1", key("bad"), hash};
    const auto replies = co_await run(words);
    if (!replies) co_return replies.error();
    for (const auto& reply : *replies)
        if (auto bad = bad_from(reply.text)) co_return bad;
    co_return std::optional<FleetBad>();
}

Awaitable<Result<std::uint64_t>> FleetRecords::forgive(std::string hash) {
    const std::vector<std::string> words{"return redis.call('HDEL', KEYS[1], ARGV[1])", "1", key("bad"), hash};
    co_return co_await count(words);
}

Awaitable<Result<FleetView>> FleetRecords::view() {
    const std::vector<std::string> words{view_script,    "7",         key("lock"), key("since"),  key("fence"),
                                         key("members"), key("seen"), key("bad"),  key("changes")};
    const auto replies = co_await run(words);
    if (!replies) co_return replies.error();
    FleetView view;
    for (const auto& reply : *replies) merge(view, view_from(reply));
    std::sort(view.members.begin(), view.members.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    std::sort(view.bad.begin(), view.bad.end(), [](const auto& a, const auto& b) { return a.since > b.since; });
    co_return view;
}

Awaitable<Result<std::uint64_t>> FleetRecords::break_lock(FleetChange note) {
    note.verdict = "broken";
    const std::vector<std::string> words{break_script, "3", key("lock"), key("changes"), key("since"), to_text(note)};
    co_return co_await count(words);
}

} // namespace weir::lock
