// Asks the fleet about a configuration once, before weir starts and has an agent of its own.
//
// Thread: the main thread; blocks for at most four seconds.
// Lifetime: keeps nothing.
#pragma once

#include "conf/model/config.h"
#include "lock/fleet/fleet_configs.h"

#include <optional>
#include <string>

namespace weir::proxy {

struct StartupAnswer {
    std::string problem;                                 // the error; empty on success
    lock::FleetVerdict verdict = {};                     // on the configuration on disk
    std::optional<lock::FleetConfigs::Item> pushed = {}; // the newest pushed configuration
    lock::FleetVerdict pushed_verdict = {};              // on the pushed configuration
};

// Returns the verdict on the configuration with this hash and, if the fleet is the source, the newest pushed one.
StartupAnswer ask_fleet(const conf::Reload& settings, const std::string& hash);

} // namespace weir::proxy
