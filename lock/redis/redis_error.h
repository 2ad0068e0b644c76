// The error replies of a Redis server that weir distinguishes, and advice on how to fix each.
//
// Thread: pure functions.
// Lifetime: the advice is static.
#pragma once

#include <string_view>

namespace weir::lock {

enum class RedisError {
    other, // an error of the command itself
    // Errors about the server's state: a retry later or on another server may succeed.
    loading,
    read_only,
    no_authentication,
    wrong_password,
    no_permission,
    moved,
    cluster_down,
    master_down,
    out_of_memory,
    cannot_persist,
    busy,
};

// Parses the text of an error reply, such as "LOADING Redis is loading the dataset in memory".
RedisError parse_redis_error(std::string_view text);

// Returns whether the error is about the server's state rather than about the command.
inline bool is_about_server(RedisError error) { return error != RedisError::other; }

// Returns what is wrong and how to fix it, if known; empty for `other`.
std::string_view advice_on(RedisError error);

} // namespace weir::lock
