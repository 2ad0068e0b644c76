// The variables of one request (variables.h).
//
// Thread: one worker's thread.
// Lifetime: the result points into the arguments.
#pragma once

#include "proxy/http/incoming_request.h"
#include "proxy/http/variables.h"
#include "proxy/log/access_line.h"

namespace weir::proxy::http {

// Returns the variables of a request. `record` is its log record, as far as it is complete.
RequestVariables variables_of(const Client& client, const IncomingRequest& incoming, const log::AccessRecord& record);

} // namespace weir::proxy::http
