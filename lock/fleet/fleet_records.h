// The records that a fleet keeps on the servers of its lock: members, changes, and the denylist of bad configurations.
//
// The servers enforce fencing: they refuse a change that does not have the highest fence begun so far, and a second
// configuration under one fence. A machine that has lost its lease changes nothing, even if it has not noticed the loss
// yet.
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
    // Removes a member.
    Awaitable<Result<void>> leave(std::string name);

    // Records that a change is about to be applied. Fails with `lost` if a change with a higher fence, or of another
    // configuration under this fence, has begun. A parallel change also fails with `lost` if the last change is of
    // another configuration or has not passed its canary window.
    Awaitable<Result<void>> begin(FleetChange change, ChangeKind kind = ChangeKind::first);
    // Records how a change ended. A bad configuration goes on the denylist, whatever its fence. Fails with `lost` if a
    // later change of another configuration has begun, or if this configuration has been found bad.
    Awaitable<Result<void>> finish(FleetChange change);

    // Returns whether the fleet considers this configuration bad.
    Awaitable<Result<FleetVerdict>> verdict(std::string hash);
    // Returns whether the last change that was begun on any machine is of this configuration and has passed its canary
    // window, so that other machines may apply it in parallel. Returns false if a majority of the servers cannot be
    // reached.
    Awaitable<bool> passed_canary(std::string hash);
    // Removes the configuration from the denylist. Returns 1 if it was listed.
    Awaitable<Result<std::uint64_t>> unban(std::string hash);
    // Returns the state of the whole fleet.
    Awaitable<Result<FleetView>> view();
    // Deletes the lock and its slots, although machines may hold them, and adds `note` to the changes. Returns 1 if any
    // was held.
    Awaitable<Result<std::uint64_t>> break_lock(FleetChange note);

private:
    const FleetKeys key_;
    std::shared_ptr<RedisQuorum> servers_;
};

} // namespace weir::lock
