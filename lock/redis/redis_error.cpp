#include "lock/redis/redis_error.h"

#include <algorithm>
#include <array>

namespace weir::lock {
namespace {

struct Meaning {
    RedisError error;
    std::string_view word; // the first word of the reply
    std::string_view advice;
};
constexpr std::array meanings{
    Meaning{RedisError::loading, "LOADING", "it is loading its data: try again later"},
    Meaning{RedisError::read_only, "READONLY",
            "it is a replica: use the URL of the master, or Sentinels (sentinel://HOST/MASTER)"},
    Meaning{RedisError::no_authentication, "NOAUTH",
            "it requires a password: set password (and username) of this server"},
    Meaning{RedisError::wrong_password, "WRONGPASS", "the username or the password is wrong"},
    Meaning{RedisError::no_permission, "NOPERM",
            "the user lacks a permission: docs/fleet.md lists those that it needs"},
    Meaning{RedisError::moved, "MOVED",
            "it is a cluster node that does not serve this key: use a server that is not part of a cluster"},
    Meaning{RedisError::cluster_down, "CLUSTERDOWN", "its cluster is down"},
    Meaning{RedisError::master_down, "MASTERDOWN", "its connection to its master is down"},
    Meaning{RedisError::out_of_memory, "OOM", "it is out of memory"},
    Meaning{RedisError::cannot_persist, "MISCONF",
            "it cannot write its data to the disk and refuses changes until it can"},
    Meaning{RedisError::busy, "BUSY", "it is running another client's script: try again later"},
};

} // namespace

RedisError parse_redis_error(std::string_view text) {
    // Redis replies with this error to a command with many arguments before authentication.
    if (text.starts_with("ERR Protocol error: unauthenticated")) return RedisError::no_authentication;
    const auto word = text.substr(0, text.find(' '));
    const auto* it = std::find_if(meanings.begin(), meanings.end(), [&](const Meaning& m) { return m.word == word; });
    return it == meanings.end() ? RedisError::other : it->error;
}

std::string_view advice_on(RedisError error) {
    const auto* it = std::find_if(meanings.begin(), meanings.end(), [&](const Meaning& m) { return m.error == error; });
    return it == meanings.end() ? std::string_view() : it->advice;
}

} // namespace weir::lock
