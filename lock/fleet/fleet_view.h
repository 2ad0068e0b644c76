// Combines the replies of a fleet's servers into the state of the fleet.
//
// Thread: pure functions.
// Lifetime: results own what they hold.
#pragma once

#include "lock/fleet/fleet_types.h"
#include "lock/redis/redis_reply.h"

#include <chrono>

namespace weir::lock {

// The script that reads the state of a fleet. Its keys are the lock, the time since when it has been held, the fence,
// members, their last heartbeats, bad configurations, changes, versions and slots.
extern const char* const view_script;

// Returns the name of a lock's holder: its token without the random part.
std::string holder_of(const std::string& token);

// Converts the reply of one server. Members that have sent no heartbeat for longer than `life` are left out.
FleetView view_from(const RedisReply& reply, std::chrono::milliseconds life);

// Merges the view of another server of the same fleet into `into`; each server may have missed some records.
void merge(FleetView& into, FleetView other);

} // namespace weir::lock
