// The state of a fleet as JSON: what `weir fleet status --json` prints.
//
// Thread: pure function.
// Lifetime: the result owns its texts.
#pragma once

#include "lock/fleet_types.h"

#include <boost/json/fwd.hpp>

#include <string>

namespace weir::proxy::admin {

// `own_hash` is of the configuration that this machine runs: members with another one drift.
boost::json::object to_json(const lock::FleetView& view, const std::string& own_hash);

} // namespace weir::proxy::admin
