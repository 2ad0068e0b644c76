// The records that the machines of a fleet exchange: members and what they run, bad configurations, and changes.
//
// Thread: values.
// Lifetime: values that own what they hold.
#pragma once

#include <boost/json/fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::lock {

enum class MemberState { unknown, serving, watching, stopping };

// How far a change has come, or what else was recorded among the changes: `broken` means that an operator has broken
// the lock, `pushed` that a configuration was pushed.
enum class ChangeVerdict { unknown, begun, good, bad, broken, pushed };

// Returns the word that the servers store. Unknown words, from a newer version of weir, are read as `unknown`.
std::string_view to_word(MemberState state);
std::string_view to_word(ChangeVerdict verdict);

struct FleetMember {
    std::string name, version, hash;
    std::uint64_t fence = 0; // of the change that applied its configuration
    MemberState state = MemberState::unknown;
    std::uint32_t healthy = 0;        // percentage of its backends that are healthy
    std::uint64_t pushed_version = 0; // the number of the pushed version that it has read last
    bool takes_pushed = false;        // whether it takes its configuration from the fleet instead of its own file
    std::string refused, reason;      // if it refused the last configuration: its hash and the error
    std::int64_t silent_ms = 0;       // time since its last heartbeat
};

struct FleetDenylistEntry {
    std::string hash, reason, author; // `author` is the member that rolled back the change
    std::int64_t since = 0;           // Unix time
};

// Whether a fleet considers a configuration bad.
struct FleetVerdict {
    std::optional<FleetDenylistEntry> denied;
    // If not 0, the configuration was unbanned: a machine that found it bad under this fence or a lower one may try it
    // again.
    std::uint64_t unbanned_fence = 0;
};

struct FleetChange {
    std::uint64_t fence = 0;
    std::string hash, member;
    ChangeVerdict verdict = ChangeVerdict::unknown;
    std::string reason;
    std::int64_t at = 0; // Unix time
    std::int64_t took_ms = 0;
};

// A configuration that was pushed to the fleet.
struct FleetVersion {
    std::uint64_t number = 0; // from 1; rises with each push
    std::string hash, author; // `author` is the member that received the push
    std::int64_t at = 0;      // Unix time

    // Two versions can have the same number; the hash distinguishes them.
    bool is_same(const FleetVersion& other) const { return number == other.number && hash == other.hash; }
};

// The reply to a member's heartbeat.
struct HeartbeatReply {
    std::uint64_t fence = 0; // the highest fence that the servers remember
    FleetVersion newest;     // its number is 0 if no version was ever pushed
    std::string holder;      // the holder of the lock; empty if it is free
    std::size_t texts = 0;   // number of different configurations that the members run
};

struct FleetView {
    std::vector<FleetMember> members; // sorted by name
    std::vector<FleetDenylistEntry> denylist;
    std::vector<FleetChange> changes;   // newest first
    std::vector<FleetVersion> versions; // newest first
    std::string holder;                 // the holder of the lock; empty if it is free
    std::int64_t held_for_ms = 0, lease_left_ms = 0;
    std::vector<std::string> parallel; // the holders of further slots of the lock
    std::uint64_t fence = 0;           // the highest fence of any lease
};

// Returns the newest of the versions that several servers returned: one with the highest number and, if these differ,
// the one that most servers returned.
FleetVersion newest_of(const std::vector<FleetVersion>& versions);

// These functions convert records to the text that the servers store, and back. The parsers return an unset value if
// the text is invalid.
std::string to_text(const FleetMember& member);
std::string to_text(const FleetDenylistEntry& entry);
std::string to_text(const FleetChange& change);
std::string to_text(const FleetVersion& version);
std::optional<FleetMember> member_from(std::string_view text);
std::optional<FleetDenylistEntry> denylist_entry_from(std::string_view text);
std::optional<FleetChange> change_from(std::string_view text);
std::optional<FleetVersion> version_from(std::string_view text);

} // namespace weir::lock
