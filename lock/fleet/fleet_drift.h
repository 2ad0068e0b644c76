// Detects that the members of a fleet run different configurations although no change is in progress. The fleet knows a
// configuration by its text, so a bad change that one of them rolls back would still run on those with another text.
//
// Thread: pure; any one thread at a time.
// Lifetime: values.
#pragma once

#include "lock/fleet/fleet_types.h"

#include <chrono>
#include <optional>
#include <string>

namespace weir::lock {

// Describes who runs what, and the remedy. Returns nothing if all serving members run the same configuration, or while
// a change is in progress.
std::optional<std::string> describe_drift(const FleetView& view);

// Decides when to warn: once when the members have differed for a while, and again only after they had agreed.
class FleetDrift {
public:
    using Time = std::chrono::steady_clock::time_point;

    // A change moves from machine to machine, and the lock is free for moments between them.
    static constexpr std::chrono::seconds settling{15};

    // Returns the warning to log; usually none.
    std::optional<std::string> look(const FleetView& view, Time now);
    // All members run the same configuration. Returns whether there had been a warning.
    bool agree();
    bool has_warned() const { return warned_; }

private:
    std::optional<Time> since_; // the time from which on they have differed without a change
    bool warned_ = false;
};

} // namespace weir::lock
