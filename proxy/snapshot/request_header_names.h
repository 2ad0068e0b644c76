// The names of request headers that a configuration uses: to choose a route, a backend or a client's limit, or to
// change the request.
//
// Thread: pure function.
// Lifetime: the result owns its texts.
#pragma once

#include "conf/model/config.h"

#include <string>
#include <unordered_set>

namespace weir::proxy::http {

// Returns the names in the form of conf::fold_header_name().
std::unordered_set<std::string> request_header_names(const conf::Config& config);

} // namespace weir::proxy::http
