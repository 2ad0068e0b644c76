// The address of a Redis server, or of a Sentinel that knows the address of a master.
//
// Thread: values.
// Lifetime: values that own their texts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::lock {

// An address is written "redis://HOST:PORT/DB", "rediss://HOST:PORT/DB" (TLS) or "sentinel://HOST:PORT/MASTER". The
// port defaults to 6379 (26379 for a Sentinel), and the database to 0. `parse` returns an unset value if the URL is
// invalid.
struct RedisAddress {
    enum class Kind { plain, tls, sentinel };

    Kind kind = Kind::plain;
    std::string host, port = "6379";
    unsigned database = 0;
    std::string master; // the name of the master, for a Sentinel

    static std::optional<RedisAddress> parse(std::string_view url);
};

} // namespace weir::lock
