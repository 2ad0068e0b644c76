// Merges timeouts: a pool's override the global ones, and a route's override its pool's.
//
// Thread: pure function.
// Lifetime: values.
#pragma once

#include "conf/model/config.h"

namespace weir::proxy {

// Returns `base` with every timeout replaced that `overrides` sets.
conf::Timeouts merge_timeouts(conf::Timeouts base, const conf::TimeoutOverrides& overrides);

} // namespace weir::proxy
