// Decides how many connections the admin API keeps, and which connection is closed to make room for a new one.
//
// A connection is unknown until one of its requests is accepted; then it is known. Unknown connections are limited per
// source address and in total, separately for local and remote sources. Known connections have a limit of their own, so
// that connections without a token cannot keep out those with one. At the limit of its source, a new connection
// displaces the oldest unknown one of that source; at a total limit, the oldest unknown one of the source that has the
// most. At the limit of known connections, the least recently used one is displaced. A connection whose request is
// being answered is never displaced.
//
// Thread: one at a time; it does no I/O.
// Lifetime: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace weir::proxy::admin {

enum class Origin { local, remote }; // local: a unix socket or a loopback address

struct ConnectionLimits {
    std::size_t unknown_per_source = 32; // for remote sources; a local source may use all of unknown_local
    std::size_t unknown_local = 256, unknown_remote = 512;
    std::size_t known = 1024;
};

class ConnectionTable {
public:
    using Id = std::uint64_t;

    struct Opened {
        std::optional<Id> id;        // unset: there is no room, and the caller must close the connection
        std::optional<Id> displaced; // the caller must close it; it is no longer in the table
    };

    explicit ConnectionTable(ConnectionLimits limits = {}) : limits_(limits) {}

    // Adds a new, unknown connection.
    Opened open(const std::string& source, Origin origin);
    // Marks a connection as known after its first accepted request. Returns the connection that it displaces, if any.
    std::optional<Id> set_known(Id id);
    // Marks a connection as busy while its request is being answered; it is not displaced then.
    void set_busy(Id id, bool busy);
    void close(Id id); // ignores ids that are not in the table

    std::size_t size() const { return entries_.size(); }

private:
    struct Entry {
        std::string source;
        Origin origin = Origin::remote;
        bool known = false, busy = false;
        std::uint64_t used = 0; // time of last use, as a counter
    };

    std::size_t count_unknown(Origin origin) const;
    std::optional<Id> oldest_of(const std::string& source) const;
    std::optional<Id> oldest_of_the_heaviest(Origin origin) const;

    const ConnectionLimits limits_;
    std::map<Id, Entry> entries_;                // ids grow, so the oldest is first
    std::map<std::string, std::size_t> unknown_; // keyed by source
    std::size_t known_ = 0;
    std::uint64_t last_ = 0;
};

} // namespace weir::proxy::admin
