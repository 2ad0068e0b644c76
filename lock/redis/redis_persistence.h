// Finds out whether the data of a Redis server survives a restart. If it does not, a restart loses the records of a
// fleet.
//
// Thread: the control thread.
// Lifetime: the client must outlive the call.
#pragma once

#include "lock/redis/redis_client.h"

#include <string_view>

namespace weir::lock {

enum class Persistence {
    unknown,          // the server was not queried yet, or weir's user may not query it
    none,             // neither snapshots nor an append-only file
    snapshots,        // changes since the last snapshot are lost
    append_only_file, // every change is written to the file
};

// Returns "unknown", "none", "snapshots" or "append_only_file".
std::string_view to_word(Persistence persistence);

// Queries the server with CONFIG GET or INFO, depending on the permissions of weir's user. From Redis 7 on, a command
// that is not permitted is not sent, so that the server's ACL LOG stays empty. Fails with `unavailable` if the server
// does not answer.
Awaitable<Result<Persistence>> ask_persistence(RedisClient& client);

} // namespace weir::lock
