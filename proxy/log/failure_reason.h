// The reason why a request or a TCP connection failed: one word for the access log, the metrics, `weir status` and the
// error log. docs/failure-reasons.md explains every word; a test compares the two.
//
// Thread: constants and pure functions.
// Lifetime: texts are static.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::proxy {

enum class FailureReason : std::uint8_t {
    none, // the request did not fail
    // Caused by the client.
    client_closed,
    client_timeout,
    bad_request,
    request_header_too_large,
    method_not_allowed,
    version_not_supported,
    unsupported_expectation,
    bad_request_body,
    body_too_large,
    bad_proxy_header,
    misdirected_request,
    access_denied,
    unauthorized,
    too_many_logins,
    rate_limited,
    concurrency_limited,
    deadline_exceeded,
    tls_handshake_failed,
    http2_protocol_error,
    http2_flood,
    // Caused by this proxy.
    no_route,
    no_backend,
    queue_full,
    queue_timeout,
    resource_exhausted,
    drained,
    tunnel_idle,
    // Caused by the backend.
    auth_unavailable,
    connect_refused,
    connect_timeout,
    connect_failed,
    backend_tls_failed,
    backend_http2_failed,
    backend_closed,
    backend_timeout,
    backend_removed,
    bad_response_head,
    response_head_too_large,
    response_truncated,
    bad_response_body,
    stream_idle,
};

inline constexpr std::size_t failure_reason_count = static_cast<std::size_t>(FailureReason::stream_idle) + 1;

enum class FailureCause : std::uint8_t { none, client, proxy, backend };

// Returns the word for a reason, such as "backend_timeout"; "none" if nothing failed.
std::string_view word_of(FailureReason reason);
FailureCause cause_of(FailureReason reason);

// Returns the status of a request that fails for this reason before its response has begun. 499 is never sent: it is
// logged for a client that left first.
int status_of(FailureReason reason);

// Returns the reason of a request head that the parser refuses with this status.
FailureReason reason_of_refusal(int status);

// Returns the reason of a failed connect() with this errno.
FailureReason reason_of_connect_error(int error);

// A reason, and what else is known about the failure.
struct Failure {
    FailureReason reason = FailureReason::none;
    const char* detail = ""; // static
    int error = 0;           // errno of the system call that failed; 0 if none did

    explicit operator bool() const { return reason != FailureReason::none; }
};

} // namespace weir::proxy
