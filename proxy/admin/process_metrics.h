// Metrics of the process itself, under the names that the Prometheus client libraries use.
//
// Thread: the control thread; reads /proc, which never waits for a disk.
// Lifetime: keeps nothing.
#pragma once

#include "proxy/admin/exposition.h"

namespace weir::proxy::admin {

void write_process(Exposition& out);

} // namespace weir::proxy::admin
