#include "lock/redis/redis_persistence.h"

namespace weir::lock {
namespace {

// Returns for each of the two commands whether the user may run it. Servers before Redis 7 cannot check that; the
// script then returns 1, so that the command is tried.
constexpr const char* rights_script = R"(
local function may(...)
  if not redis.acl_check_cmd then return 1 end
  local known, permitted = pcall(redis.acl_check_cmd, ...)
  return known and permitted and 1 or 0
end
return {may('CONFIG', 'GET', 'save'), may('INFO', 'persistence')}
)";

bool may(const RedisReply& rights, std::size_t command) {
    return rights.items.size() == 2 && rights.items[command].number == 1;
}

// Returns the value of a setting from the reply to CONFIG GET, which is a list of a name and a value; null if it is
// not.
const std::string* value_of(const RedisReply& reply) {
    return reply.items.size() == 2 ? &reply.items[1].text : nullptr;
}

Awaitable<Result<Persistence>> ask_settings(RedisClient& client) {
    const std::vector<std::string> about_file{"CONFIG", "GET", "appendonly"}, about_snapshots{"CONFIG", "GET", "save"};
    const auto file = co_await client.call(about_file);
    if (!file) co_return file.error();
    const auto* appendonly = value_of(*file);
    if (!appendonly) co_return Persistence::unknown;
    if (*appendonly == "yes") co_return Persistence::append_only_file;
    const auto snapshots = co_await client.call(about_snapshots);
    if (!snapshots) co_return snapshots.error();
    const auto* save = value_of(*snapshots);
    if (!save) co_return Persistence::unknown;
    co_return save->empty() ? Persistence::none : Persistence::snapshots;
}

// Queries with INFO, which does not report whether snapshots are enabled.
Awaitable<Result<Persistence>> ask_info(RedisClient& client) {
    const std::vector<std::string> question{"INFO", "persistence"};
    const auto info = co_await client.call(question);
    if (!info) co_return info.error();
    const bool has_file = info->text.find("aof_enabled:1") != std::string::npos;
    co_return has_file ? Persistence::append_only_file : Persistence::unknown;
}

} // namespace

std::string_view to_word(Persistence persistence) {
    switch (persistence) {
    case Persistence::unknown: break;
    case Persistence::none: return "none";
    case Persistence::snapshots: return "snapshots";
    case Persistence::append_only_file: return "append_only_file";
    }
    return "unknown";
}

Awaitable<Result<Persistence>> ask_persistence(RedisClient& client) {
    const std::vector<std::string> question{"EVAL", rights_script, "0"};
    const auto rights = co_await client.call(question);
    if (!rights) co_return rights.error();
    if (rights->is_error()) co_return LockError::unavailable;
    if (may(*rights, 0)) {
        const auto known = co_await ask_settings(client);
        if (!known || *known != Persistence::unknown) co_return known;
    }
    if (may(*rights, 1)) co_return co_await ask_info(client);
    co_return Persistence::unknown;
}

} // namespace weir::lock
