// The configurations that were pushed to a fleet. Its members should run the newest one; the last ten are kept.
//
// Thread: the control thread. Calls may overlap.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "lock/fleet/fleet_types.h"
#include "lock/redis/fleet_keys.h"
#include "lock/redis/redis_quorum.h"

#include <memory>
#include <string>
#include <vector>

namespace weir::lock {

class FleetConfigs {
public:
    static constexpr std::size_t max_text_size = 512 * 1024; // in bytes

    struct Item {
        FleetVersion version;
        std::string text;
        bool passed_canary = false; // whether it passed its canary window on any machine
    };

    FleetConfigs(std::shared_ptr<RedisQuorum> servers, const std::string& fleet);

    // Stores `version` as the newest and returns its number, which is above the servers' newest and above
    // `version.number`. Fails with `lost` if another version was pushed at the same moment.
    Awaitable<Result<std::uint64_t>> push(FleetVersion version, std::string text);
    // Returns the newest version; unset if none was ever pushed.
    Awaitable<Result<std::optional<Item>>> newest();
    // Returns the newest version that passed its canary window on a machine, is not on the denylist and is not the
    // newest of all; unset if there is none.
    Awaitable<Result<std::optional<Item>>> last_good();

private:
    Awaitable<Result<std::optional<Item>>> find(const char* script);

    const FleetKeys key_;
    std::shared_ptr<RedisQuorum> servers_;
};

} // namespace weir::lock
