// The error log: what weir says about itself, on stderr. Written by a thread of its own; when nobody reads, old lines
// are overwritten and nothing waits.
//
// Thread: configure on the control thread; spdlog's functions from any thread.
// Lifetime: until the process ends.
#pragma once

#include "conf/config.h"

namespace weir::proxy::log {

void configure_logger(const conf::Logging& logging);

} // namespace weir::proxy::log
