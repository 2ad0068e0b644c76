// Statuses of gRPC: how they correspond to HTTP, and where a response has its own
// (https://grpc.github.io/grpc/core/md_doc_statuscodes.html).
//
// Thread: pure functions.
// Lifetime: values.
#pragma once

#include "proxy/http1/head.h"
#include "proxy/log/failure_reason.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::proxy::grpc {

enum class Status : std::uint8_t {
    ok,
    cancelled,
    unknown,
    invalid_argument,
    deadline_exceeded,
    not_found,
    already_exists,
    permission_denied,
    resource_exhausted,
    failed_precondition,
    aborted,
    out_of_range,
    unimplemented,
    internal,
    unavailable,
    data_loss,
    unauthenticated,
};

inline constexpr std::size_t status_count = static_cast<std::size_t>(Status::unauthenticated) + 1;

// Returns what a client makes of an HTTP response that has no status of gRPC.
Status status_of_http(int status);

// Returns the status with which weir ends a call that fails for this reason. `http` is the status that another request
// would get; it decides for most reasons.
Status status_of_failure(FailureReason reason, int http);

// Returns the HTTP status that says the same, as far as there is one. A backend is judged by it.
int http_status_of(Status status);

// Reads the value of grpc-status. A number that is not assigned is `unknown`, as for clients; anything else is unset.
std::optional<Status> parse_status(std::string_view value);

// Returns the status in the head of a response that has no trailers; unset if the head is not that of a gRPC response,
// or if its status follows in trailers.
std::optional<Status> find_status(const http::ResponseHead& head);

// Returns the status in a trailer section, which is lines of fields as in HTTP/1.1; unset if there is none.
std::optional<Status> find_status(std::string_view trailers);

} // namespace weir::proxy::grpc
