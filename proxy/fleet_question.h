// What a fleet knows, asked once before weir starts: there is nobody yet whom it could tell later.
//
// Thread: the main thread; blocks for a second or two at most.
// Lifetime: nothing is kept.
#pragma once

#include "conf/config.h"
#include "lock/fleet_configs.h"

#include <optional>
#include <string>

namespace weir::proxy {

struct FleetAnswer {
    std::string problem;                                // why there is no answer; empty: there is one
    lock::FleetOpinion opinion = {};                    // of the configuration
    std::optional<lock::FleetConfigs::Item> given = {}; // the newest that was given to the fleet
    lock::FleetOpinion given_opinion = {};              // of that one
};

// About the configuration with this hash, and, where configurations come from the fleet, what that is.
FleetAnswer ask_fleet(const conf::Reload& settings, const std::string& hash);

} // namespace weir::proxy
