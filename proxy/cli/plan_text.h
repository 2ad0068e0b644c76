// Formats a reload preview as text, as `weir plan` prints it beside the errors.
//
// Thread: pure function.
// Lifetime: the result owns its text.
#pragma once

#include <boost/json/fwd.hpp>

#include <string>

namespace weir::proxy::cli {

// Returns the text for `plan`, the response of /api/v1/plan.
std::string plan_text(const boost::json::object& plan);

} // namespace weir::proxy::cli
