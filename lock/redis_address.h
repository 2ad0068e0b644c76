// Where a Redis server, or a Sentinel that knows one, is.
//
// Thread: values.
// Lifetime: own their texts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::lock {

// "redis://HOST:PORT/DB", "rediss://HOST:PORT/DB" (TLS) or "sentinel://HOST:PORT/MASTER". The port may be left out
// (6379; 26379 of a Sentinel), and the database (0).
struct RedisAddress {
    enum class Kind { plain, tls, sentinel };

    Kind kind = Kind::plain;
    std::string host, port = "6379";
    unsigned database = 0;
    std::string master; // that a Sentinel is asked for

    static std::optional<RedisAddress> parse(std::string_view url);
};

} // namespace weir::lock
