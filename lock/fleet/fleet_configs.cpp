#include "lock/fleet/fleet_configs.h"

#include <algorithm>

namespace weir::lock {
namespace {

// Stores a version. Versions are a list, newest first; texts are a Redis hash, keyed by the configuration's hash.
// Returns 1, or 0 if this version or a later one is already stored.
constexpr const char* push_script = R"(
local newest = redis.call('LINDEX', KEYS[1], 0)
if newest and tonumber(cjson.decode(newest).version) >= tonumber(ARGV[1]) then return 0 end
redis.call('LPUSH', KEYS[1], ARGV[3])
redis.call('LTRIM', KEYS[1], 0, 9)
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
local used = {}
for _, version in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do used[cjson.decode(version).hash] = true end
for _, hash in ipairs(redis.call('HKEYS', KEYS[2])) do
  if not used[hash] then redis.call('HDEL', KEYS[2], hash) end
end
redis.call('LPUSH', KEYS[3], ARGV[5])
redis.call('LTRIM', KEYS[3], 0, 49)
return 1
)";

// Removes a version that was stored on too few servers.
constexpr const char* withdraw_script = R"(
if redis.call('LINDEX', KEYS[1], 0) == ARGV[1] then redis.call('LPOP', KEYS[1]) end
return 1
)";

// Both scripts return a list of the version, its text, and 1 if it passed its canary window on any machine or 0 if not.
// The list is empty if there is no such version.
constexpr const char* newest_script = R"(
local newest = redis.call('LINDEX', KEYS[1], 0)
if not newest then return {} end
local hash = cjson.decode(newest).hash
return {newest, redis.call('HGET', KEYS[2], hash) or '', redis.call('ZSCORE', KEYS[3], hash) and 1 or 0}
)";

constexpr const char* last_good_script = R"(
local newest
for _, version in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local hash = cjson.decode(version).hash
  newest = newest or hash
  if hash ~= newest and redis.call('ZSCORE', KEYS[3], hash) and redis.call('HEXISTS', KEYS[4], hash) == 0 then
    return {version, redis.call('HGET', KEYS[2], hash) or '', 1}
  end
end
return {}
)";

} // namespace

FleetConfigs::FleetConfigs(std::shared_ptr<RedisQuorum> servers, const std::string& fleet)
    : key_(fleet), servers_(std::move(servers)) {}

Awaitable<Result<std::uint64_t>> FleetConfigs::push(FleetVersion version, std::string text) {
    const auto known = co_await newest();
    if (!known) co_return known.error();
    version.number = std::max(version.number, *known ? (*known)->version.number : 0) + 1;
    const FleetChange note{0, version.hash, version.author, ChangeVerdict::pushed, "", version.at, 0};
    const std::vector<std::string> words{push_script,
                                         "3",
                                         key_("versions"),
                                         key_("texts"),
                                         key_("changes"),
                                         std::to_string(version.number),
                                         version.hash,
                                         to_text(version),
                                         text,
                                         to_text(note)};
    const auto pushed = co_await servers_->agree(words);
    if (pushed) co_return version.number;
    const std::vector<std::string> back{withdraw_script, "1", key_("versions"), to_text(version)};
    const auto withdrawn = co_await servers_->agree(back);
    static_cast<void>(withdrawn); // if this fails: a version on too few servers does not count
    co_return pushed.error();
}

Awaitable<Result<std::optional<FleetConfigs::Item>>> FleetConfigs::find(const char* script) {
    const std::vector<std::string> words{script, "4", key_("versions"), key_("texts"), key_("stood"), key_("bad")};
    const auto replies = co_await servers_->run(words);
    if (!replies) co_return replies.error();
    std::vector<FleetVersion> versions;
    std::vector<Item> items;
    for (const auto& reply : *replies) {
        const auto version = reply.items.size() == 3 ? version_from(reply.items[0].text) : std::nullopt;
        if (!version || reply.items[1].text.empty()) continue;
        versions.push_back(*version);
        items.push_back({*version, reply.items[1].text, reply.items[2].number == 1});
    }
    const auto newest = newest_of(versions);
    std::optional<Item> best;
    for (auto& item : items) {
        if (!item.version.is_same(newest)) continue;
        const bool passed = item.passed_canary || (best && best->passed_canary); // a server may have missed it
        best = std::move(item);
        best->passed_canary = passed;
    }
    co_return best;
}

Awaitable<Result<std::optional<FleetConfigs::Item>>> FleetConfigs::newest() { co_return co_await find(newest_script); }

Awaitable<Result<std::optional<FleetConfigs::Item>>> FleetConfigs::last_good() {
    co_return co_await find(last_good_script);
}

} // namespace weir::lock
