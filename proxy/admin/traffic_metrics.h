// Traffic metrics by listener, route and pool: statuses, failure reasons and durations.
//
// Thread: the control thread.
// Lifetime: keeps nothing.
#pragma once

#include "proxy/admin/exposition.h"
#include "proxy/snapshot/snapshot.h"

namespace weir::proxy::admin {

void write_traffic(Exposition& out, const Snapshot& snapshot);

} // namespace weir::proxy::admin
