// What a configuration change means for operators' overrides, for a `weir plan` without the process's own preview.
//
// Thread: the main thread.
// Lifetime: the results own their texts.
#pragma once

#include "proxy/snapshot/override_fates.h"

#include <boost/json/value.hpp>

#include <vector>

namespace weir::proxy::cli {

// `status` is the response of /api/v1/status; it may lack the list of overrides.
std::vector<OverrideFate> plan_overrides(const boost::json::value& status, const conf::Config& next);

} // namespace weir::proxy::cli
