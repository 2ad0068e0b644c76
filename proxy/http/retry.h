// Decides whether a request may be tried again.
//
// Thread: pure functions.
// Lifetime: values.
#pragma once

#include "proxy/http/request_plan.h"

namespace weir::proxy::http {

// How far a try had come when it failed.
enum class TryStage {
    connecting, // nothing was sent
    sent,       // the backend may have read the request, or a part of it; no response has begun
};

// Returns true if the request can be sent again without the risk of executing a non-idempotent method twice. A body
// can be sent again only if weir has stored it.
bool may_retry(TryStage stage, const RequestPlan& plan);

} // namespace weir::proxy::http
