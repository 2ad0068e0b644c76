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
    struct Pushed {
        lock::FleetConfigs::Item item;
        lock::FleetVerdict verdict;
    };

    lock::FleetVerdict verdict; // on the configuration on disk
    // The newest pushed configuration; unset if none was ever pushed, or if the fleet is not the source.
    Result<std::optional<Pushed>> pushed;
};

// Returns the verdict on the configuration with this hash and, if the fleet is the source, the newest pushed one. The
// result is empty if there is no fleet.
Result<StartupAnswer> ask_fleet(const conf::Reload& settings, const std::string& hash);

} // namespace weir::proxy
