// The state of a running weir in the Prometheus text format.
//
// Thread: the control thread.
// Lifetime: the result owns its text.
#pragma once

#include "proxy/reload/reloader.h"

#include <string>

namespace weir::proxy::admin {

std::string metrics(const Runtime& runtime, const Reloader& reloader);

} // namespace weir::proxy::admin
