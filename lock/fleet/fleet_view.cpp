#include "lock/fleet/fleet_view.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <set>

namespace weir::lock {

// Returns a list: the lock's token, its time to live, the time since when it has been held, the fence and the server's
// time; then, each as a list: members, their last heartbeats, bad configurations, changes, versions and the holders of
// further slots.
const char* const view_script = R"(
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local beside = {}
for _, place in ipairs(redis.call('SMEMBERS', KEYS[9])) do
  beside[#beside + 1] = redis.call('GET', KEYS[1] .. ':' .. place) or nil
end
return {redis.call('GET', KEYS[1]) or '', redis.call('PTTL', KEYS[1]), redis.call('GET', KEYS[2]) or '0',
  redis.call('GET', KEYS[3]) or '0', tostring(ms), redis.call('HGETALL', KEYS[4]),
  redis.call('ZRANGE', KEYS[5], 0, -1, 'WITHSCORES'), redis.call('HVALS', KEYS[6]), redis.call('LRANGE', KEYS[7], 0, 49),
  redis.call('LRANGE', KEYS[8], 0, 9), beside}
)";

namespace {

// Parses a time or a fence. The text comes from other programs, so it is clamped to a range in which arithmetic cannot
// overflow.
std::int64_t to_number(const std::string& text) {
    return std::clamp<long long>(std::strtoll(text.c_str(), nullptr, 10), 0, 1LL << 53);
}

// Returns the time of each member's last heartbeat; the reply alternates names and times.
std::map<std::string, std::int64_t> times_from(const RedisReply& reply) {
    std::map<std::string, std::int64_t> times;
    for (std::size_t i = 0; i + 1 < reply.items.size(); i += 2)
        times[reply.items[i].text] = to_number(reply.items[i + 1].text);
    return times;
}

// Adds the elements whose `key` field `into` does not contain yet.
template <class T, class Key> void add_missing(std::vector<T>& into, std::vector<T> more, Key T::*key) {
    std::set<Key> known;
    for (const auto& one : into) known.insert(one.*key);
    std::copy_if(std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()), std::back_inserter(into),
                 [&](const T& one) { return !known.contains(one.*key); });
}

} // namespace

std::string holder_of(const std::string& token) { return token.substr(0, token.rfind(':')); }

FleetView view_from(const RedisReply& reply, std::chrono::milliseconds life) {
    FleetView view;
    const auto& items = reply.items;
    if (items.size() != 11) return view;
    const auto now = to_number(items[4].text);
    view.holder = holder_of(items[0].text);
    view.lease_left_ms = std::max<std::int64_t>(items[1].number, 0);
    if (!view.holder.empty() && items[2].text != "0") view.held_for_ms = now - to_number(items[2].text);
    view.fence = static_cast<std::uint64_t>(to_number(items[3].text));
    const auto times = times_from(items[6]);
    for (std::size_t i = 0; i + 1 < items[5].items.size(); i += 2) {
        auto member = member_from(items[5].items[i + 1].text);
        if (!member) continue;
        const auto heard = times.find(member->name);
        member->silent_ms = heard == times.end() ? now : now - heard->second;
        if (member->silent_ms <= life.count()) view.members.push_back(std::move(*member));
    }
    for (const auto& item : items[7].items)
        if (auto bad = denylist_entry_from(item.text)) view.denylist.push_back(std::move(*bad));
    for (const auto& item : items[8].items)
        if (auto change = change_from(item.text)) view.changes.push_back(std::move(*change));
    for (const auto& item : items[9].items)
        if (auto version = version_from(item.text)) view.versions.push_back(std::move(*version));
    for (const auto& item : items[10].items) view.parallel.push_back(holder_of(item.text));
    return view;
}

void merge(FleetView& into, FleetView other) {
    add_missing(into.members, std::move(other.members), &FleetMember::name);
    add_missing(into.denylist, std::move(other.denylist), &FleetDenylistEntry::hash);
    if (!other.changes.empty() && (into.changes.empty() || into.changes[0].fence < other.changes[0].fence))
        into.changes = std::move(other.changes);
    if (!other.versions.empty() && (into.versions.empty() || into.versions[0].number < other.versions[0].number))
        into.versions = std::move(other.versions);
    if (into.holder.empty() || other.fence > into.fence) {
        into.holder = other.holder;
        into.held_for_ms = other.held_for_ms;
        into.parallel = std::move(other.parallel);
        into.lease_left_ms = other.lease_left_ms;
    }
    into.fence = std::max(into.fence, other.fence);
}

} // namespace weir::lock
