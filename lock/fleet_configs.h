// Configurations that are given to a fleet as a whole: the newest is what its members are to run. The last ten are
// kept.
//
// Thread: the control thread. Calls may overlap.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "lock/fleet_types.h"
#include "lock/redis_quorum.h"

#include <memory>
#include <string>
#include <vector>

namespace weir::lock {

class FleetConfigs {
public:
    static constexpr std::size_t largest = 512 * 1024; // bytes of a text

    struct Item {
        FleetVersion version;
        std::string text;
        bool has_stood = false; // its window, on any machine
    };

    FleetConfigs(std::shared_ptr<RedisQuorum> servers, const std::string& fleet);

    // Makes it the newest, and gives the number that it got: above the servers' and above the one that `version` comes
    // with. `lost`: another was given at the same moment.
    Awaitable<Result<std::uint64_t>> push(FleetVersion version, std::string text);
    // Unset where none was ever given.
    Awaitable<Result<std::optional<Item>>> newest();
    // The newest that stood on a machine, is not known to be bad, and is not what is the newest of all.
    Awaitable<Result<std::optional<Item>>> last_good();

    const std::string& problem() const { return servers_->problem(); }

private:
    Awaitable<Result<std::optional<Item>>> find(const char* script);
    std::string key(const char* name) const { return prefix_ + name; }

    const std::string prefix_;
    std::shared_ptr<RedisQuorum> servers_;
};

} // namespace weir::lock
