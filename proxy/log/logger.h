// The error log: what weir reports about itself, on stderr. A separate thread writes it; if the reader stalls, old
// lines are overwritten and no other thread waits.
//
// Thread: configure on the control thread; spdlog's functions from any thread.
// Lifetime: until the process ends.
#pragma once

#include "conf/model/config.h"

#include <exception>

namespace weir::proxy::log {

// Creates the logger on the first call. Sets its level and format on every call.
void configure_logger(const conf::Logging& logging);

// Logs the exception that a detached coroutine ended with, if any.
void log_exception(std::exception_ptr failure);

} // namespace weir::proxy::log
