// The state of a fleet as JSON, for `weir fleet status --json`.
//
// Thread: pure function.
// Lifetime: the result owns its data.
#pragma once

#include "lock/fleet/fleet_types.h"

#include <boost/json/fwd.hpp>

#include <string>

namespace weir::proxy::admin {

// `own_hash` is the hash of the configuration that this machine runs, which each member's hash is compared with.
boost::json::object to_json(const lock::FleetView& view, const std::string& own_hash);

} // namespace weir::proxy::admin
