// The state of a fleet, put together out of what its servers answer.
//
// Thread: pure functions.
// Lifetime: results own what they hold.
#pragma once

#include "lock/fleet_types.h"
#include "lock/redis_reply.h"

#include <chrono>

namespace weir::lock {

// Its keys: the lock, since when it is held, the fence, members, when they were heard of, bad ones, changes, versions,
// places.
extern const char* const view_script;

// Members that were silent for longer than `life` are left out.
FleetView view_from(const RedisReply& reply, std::chrono::milliseconds life);

// Several servers tell of one fleet: each may have missed some of it.
void merge(FleetView& into, FleetView other);

} // namespace weir::lock
