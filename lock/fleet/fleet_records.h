// The records that a fleet keeps on the servers of its lock: members, changes, and the denylist of bad configurations.
//
// The servers enforce fencing: they refuse a change that does not have the highest fence begun so far, and a second
// configuration under one fence. A machine that has lost its lease changes nothing, even if it does not know of the
// loss yet.
//
// Thread: the control thread. Calls may overlap.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "lock/fleet/fleet_types.h"
#include "lock/redis/fleet_keys.h"
#include "lock/redis/redis_quorum.h"

#include <memory>
#include <string>

namespace weir::lock {

// Whether a change is the first of its configuration, or runs in parallel with others of the same configuration.
enum class ChangeKind { first, parallel };

class FleetRecords {
public:
    // A member is removed when it has sent no heartbeat for this long.
    static constexpr std::chrono::milliseconds member_life{15'000};

    FleetRecords(std::shared_ptr<RedisQuorum> servers, const std::string& fleet);

    // Sends a heartbeat of this member; the reply carries the fleet's current state.
    Awaitable<Result<HeartbeatReply>> send_heartbeat(FleetMember member);
    Awaitable<Result<void>> leave(std::string name);

    // Records that a change is about to be applied. Fails with `lost` if a higher fence or another configuration under
    // this fence has begun; and, if it is to run in parallel, if the last change is of another configuration or has not
    // passed its canary window.
    Awaitable<Result<void>> begin(FleetChange change, ChangeKind kind = ChangeKind::first);
    // Records how a change ended. A bad configuration goes on the denylist, whatever its fence. Fails with `lost` if a
    // later change of another configuration has begun, or if this configuration has been found bad.
    Awaitable<Result<void>> finish(FleetChange change);

    Awaitable<Result<FleetVerdict>> verdict(std::string hash);
    // Returns whether this configuration is the last that was begun anywhere and has passed its canary window, so that
    // others may apply it in parallel. Returns false if a majority of the servers cannot be reached.
    Awaitable<bool> passed_canary(std::string hash);
    // Removes the configuration from the denylist; returns 1 if it was on it.
    Awaitable<Result<std::uint64_t>> unban(std::string hash);
    Awaitable<Result<FleetView>> view();
    // Removes the lock from its holder and records that among the changes. Returns 1 if the lock was held.
    Awaitable<Result<std::uint64_t>> break_lock(FleetChange note);

private:
    const FleetKeys key_;
    std::shared_ptr<RedisQuorum> servers_;
};

} // namespace weir::lock
