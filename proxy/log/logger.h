// The error log: what weir says about itself, on stderr. Written by a thread of its own; when nobody reads, old lines
// are overwritten and nothing waits.
//
// Thread: configure on the control thread; spdlog's functions from any thread.
// Lifetime: until the process ends.
#pragma once

#include "conf/config.h"

#include <exception>

namespace weir::proxy::log {

void configure_logger(const conf::Logging& logging);

// What a coroutine that nobody waits for ends with: a failure is told, not swallowed.
void tell_failure(std::exception_ptr failure);

} // namespace weir::proxy::log
