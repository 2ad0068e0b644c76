// Samples what the regression check compares (regression_check.h), from the configuration in force.
//
// Thread: the control thread.
// Lifetime: keeps nothing; the samples own their data.
#pragma once

#include "proxy/reload/regression_check.h"
#include "proxy/runtime/runtime.h"

namespace weir::proxy {

// Both functions require that a configuration is in force.
HealthSample take_sample(const Runtime& runtime);
ListenerTries count_listeners(const Runtime& runtime);

} // namespace weir::proxy
