// Detects that the members of a fleet run different configurations although no change is in progress. The fleet
// identifies a configuration by the hash of its text. If one member rolls back a bad change, members with another text
// would continue to run their version of it.
//
// Thread: pure; any one thread at a time.
// Lifetime: values.
#pragma once

#include "lock/fleet/fleet_types.h"

#include <chrono>
#include <optional>
#include <string>

namespace weir::lock {

// Describes which members run which configuration, and how to fix it. Returns an unset value if all serving members run
// the same configuration, or while a change is in progress.
std::optional<std::string> describe_drift(const FleetView& view);

// Decides when to warn: once when the members have differed for a while, and again only after they have agreed in
// between.
class FleetDrift {
public:
    using Time = std::chrono::steady_clock::time_point;

    // How long the members must have differed. A change moves from machine to machine, and between two machines the
    // lock is free for a moment.
    static constexpr std::chrono::seconds settling{15};

    // Returns the warning to log; usually none.
    std::optional<std::string> look(const FleetView& view, Time now);
    // Records that all members run the same configuration. Returns whether there was a warning before.
    bool agree();
    bool has_warned() const { return warned_; }

private:
    std::optional<Time> since_; // since when the members have differed without a change in progress
    bool warned_ = false;
};

} // namespace weir::lock
