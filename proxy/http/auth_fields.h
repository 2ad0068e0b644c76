// What an authentication service's response means: whether a client is served, and which fields its request gets.
//
// Thread: pure functions and values.
// Lifetime: values.
#pragma once

#include "proxy/http1/head.h"
#include "proxy/log/failure_reason.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::proxy::http {

enum class AuthDecision {
    allowed,     // the request is served
    denied,      // the client gets the response of the service
    unavailable, // the service does not work
};

// Returns what the status of the final response means.
AuthDecision decide_by_status(int status);

// Returns true if requests may be served without a decision after this failure, if the route says so: the service could
// not be reached, or it failed. Not if it responded in a way that weir does not understand or accept, and not because
// of the load or the state of weir itself: a client could provoke these.
bool may_proceed(FailureReason reason);

// Names and values of fields, in the order in which they are sent.
using CopiedFields = std::vector<std::pair<std::string, std::string>>;

// Returns the fields of a response with these names, in its order, and written as in `names`. Bytes that a request must
// not contain are replaced by spaces.
CopiedFields copy_fields(const ResponseHead& head, const std::vector<std::string>& names);

// Returns the fields that tell the service what the client has requested. `path` is in its normal form, with the query.
CopiedFields describe_request(std::string_view method, std::string_view path);

// Returns the failure of a request whose authentication failed for `cause`.
Failure auth_unavailable(const Failure& cause);

} // namespace weir::proxy::http
