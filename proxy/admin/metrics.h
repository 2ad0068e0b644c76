// The state of a running weir in Prometheus's text format.
//
// Thread: the control thread.
// Lifetime: the result owns its text.
#pragma once

#include "proxy/reloader.h"

#include <string>

namespace weir::proxy::admin {

std::string metrics(const Running& running, const Reloader& reloader);

// A label's value with what the format escapes escaped.
std::string escape_label(std::string_view text);

} // namespace weir::proxy::admin
