// What one request says about its backend. A client must not be able to take a backend out of service: otherwise one
// client could take down a pool with many requests.
//
// Thread: pure functions.
// Lifetime: none.
#pragma once

#include "proxy/log/failure_reason.h"

namespace weir::proxy {

enum class BackendOutcome {
    success,      // the backend responded, whatever the client asked for
    server_error, // the backend works but reported an error, which counts only for the canary
    failure,      // the backend cannot serve: this also counts for outlier ejection
};

// 502, 503 and 504 mean that a server is overloaded or cannot reach its own backend. 500 may be a bug that one request
// triggers. 501 and 505 mean that the client asked for something that the server does not support.
constexpr BackendOutcome outcome_of_status(int status) {
    switch (status) {
    case 502:
    case 503:
    case 504: return BackendOutcome::failure;
    case 501:
    case 505: return BackendOutcome::success;
    default: return status >= 500 ? BackendOutcome::server_error : BackendOutcome::success;
    }
}

// `reason` is a failure that the backend caused. A client can choose a URL whose response has a head over the limit,
// such as a redirect that repeats a long target, or an event stream that is silent for long. A timeout counts, however,
// because a backend that hangs delays other requests, too.
constexpr BackendOutcome outcome_of_failure(FailureReason reason) {
    switch (reason) {
    case FailureReason::response_head_too_large:
    case FailureReason::stream_idle: return BackendOutcome::server_error;
    default: return BackendOutcome::failure;
    }
}

} // namespace weir::proxy
