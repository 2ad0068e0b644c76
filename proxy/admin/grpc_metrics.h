// Metrics of the calls of gRPC, for the routes with grpc_metrics.
//
// Thread: the control thread.
// Lifetime: keeps nothing.
#pragma once

#include "proxy/admin/exposition.h"
#include "proxy/snapshot/snapshot.h"

namespace weir::proxy::admin {

void write_grpc(Exposition& out, const Snapshot& snapshot);

} // namespace weir::proxy::admin
