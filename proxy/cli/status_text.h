// The state of a running weir as text, for `weir status`.
//
// Thread: pure function.
// Lifetime: the result owns its text.
#pragma once

#include <boost/json/fwd.hpp>

#include <string>

namespace weir::proxy::cli {

// Formats `status`, the response of /api/v1/status: what runs and how the last reload ended, then a table for each
// pool. Lines without information are omitted, and so are fields that a process of another version does not send.
std::string status_text(const boost::json::object& status);

} // namespace weir::proxy::cli
