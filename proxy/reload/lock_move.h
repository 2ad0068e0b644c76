// When a change may be made without the lock because the lock's servers do not answer: if the policy allows it, or if
// an operator forces a change that moves the lock to other servers (docs/adr/0030).
//
// Thread: pure functions.
// Lifetime: keeps nothing.
#pragma once

#include "conf/model/config.h"
#include "conf/read/load.h"
#include "proxy/reload/force.h"

namespace weir::proxy {

// Advice for a change that moves the lock, appended to the reason for which the lock could not be acquired.
inline constexpr auto how_to_move = "; this configuration changes the lock servers: if the current ones are gone for "
                                    "good, apply it without them: weir reload --force";

// Returns true if this configuration moves the lock to other servers.
bool moves_lock(const conf::Config& in_force, const conf::Loaded& loaded);

// Returns true if the change may be made without the lock while the lock's servers are unavailable.
bool may_go_unlocked(const conf::Config& in_force, const conf::Loaded& loaded, Force force);

} // namespace weir::proxy
