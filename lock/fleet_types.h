// What the machines of a fleet tell each other: who they are, what they run, which configurations are bad, and what has
// changed.
//
// Thread: values.
// Lifetime: own what they hold.
#pragma once

#include <boost/json/fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::lock {

struct FleetMember {
    std::string name, version, hash;
    std::uint64_t fence = 0;    // of the change that brought its configuration
    std::string state;          // "serving", "watching", "stopping"
    std::uint32_t healthy = 0;  // per cent of its backends
    std::uint64_t given = 0;    // the version that it read last, of those given to the fleet
    bool takes_given = false;   // whether it takes configurations from the fleet, and not from its own file
    std::string refused, why;   // the hash of a configuration that it would not take, if the last one was such
    std::int64_t silent_ms = 0; // since it was last heard of
};

struct FleetBad {
    std::string hash, why, author; // the author: the member that took it back
    std::int64_t since = 0;        // Unix time
};

// What a fleet thinks of a configuration.
struct FleetOpinion {
    std::optional<FleetBad> bad;
    std::int64_t forgiven_at = 0; // Unix time: it was known to be bad, and may be tried again; 0: nobody has said so
};

struct FleetChange {
    std::uint64_t fence = 0;
    std::string hash, member;
    std::string verdict; // "begun", "good", "bad", "broken" (the lock, by an operator), "pushed"
    std::string why;
    std::int64_t at = 0; // Unix time
    std::int64_t took_ms = 0;
};

// A configuration that was given to the fleet.
struct FleetVersion {
    std::uint64_t number = 0; // from 1; rises with each that is given
    std::string hash, author; // the author: the member through which it came
    std::int64_t at = 0;      // Unix time

    // Two may have got one number: the hash tells them apart.
    bool is_same(const FleetVersion& other) const { return number == other.number && hash == other.hash; }
};

// What a member learns when it tells of itself.
struct FleetNews {
    std::uint64_t fence = 0; // the highest that the servers remember
    FleetVersion newest;     // its number is 0 where none was ever given
};

struct FleetView {
    std::vector<FleetMember> members; // by name
    std::vector<FleetBad> bad;
    std::vector<FleetChange> changes;   // the newest first
    std::vector<FleetVersion> versions; // likewise
    std::string holder;                 // of the lock; empty where it is free
    std::int64_t held_for_ms = 0, lease_left_ms = 0;
    std::vector<std::string> beside; // who holds further places of it
    std::uint64_t fence = 0;         // the highest that was given
};

// What several servers hold as the newest: the highest number, and of one number what most of them hold.
FleetVersion newest_of(const std::vector<FleetVersion>& versions);

// Text for the store, and back; unset where it is none of ours.
std::string to_text(const FleetMember& member);
std::string to_text(const FleetBad& bad);
std::string to_text(const FleetChange& change);
std::string to_text(const FleetVersion& version);
std::optional<FleetMember> member_from(std::string_view text);
std::optional<FleetBad> bad_from(std::string_view text);
std::optional<FleetChange> change_from(std::string_view text);
std::optional<FleetVersion> version_from(std::string_view text);

} // namespace weir::lock
