#include "proxy/log/failure_reason.h"

#include <array>
#include <cerrno>

namespace weir::proxy {
namespace {

struct Row {
    FailureReason reason;
    std::string_view word;
    int status;
    FailureCause cause;
};

using enum FailureReason;

constexpr std::array<Row, failure_reason_count> rows{{
    {none, "none", 200, FailureCause::none},
    {client_closed, "client_closed", 499, FailureCause::client},
    {client_timeout, "client_timeout", 408, FailureCause::client},
    {bad_request, "bad_request", 400, FailureCause::client},
    {request_header_too_large, "request_header_too_large", 431, FailureCause::client},
    {method_not_allowed, "method_not_allowed", 405, FailureCause::client},
    {version_not_supported, "version_not_supported", 505, FailureCause::client},
    {unsupported_expectation, "unsupported_expectation", 417, FailureCause::client},
    {bad_request_body, "bad_request_body", 400, FailureCause::client},
    {body_too_large, "body_too_large", 413, FailureCause::client},
    {bad_proxy_header, "bad_proxy_header", 400, FailureCause::client},
    {misdirected_request, "misdirected_request", 421, FailureCause::client},
    {access_denied, "access_denied", 403, FailureCause::client},
    {unauthorized, "unauthorized", 401, FailureCause::client},
    {too_many_logins, "too_many_logins", 503, FailureCause::client},
    {rate_limited, "rate_limited", 429, FailureCause::client},
    {concurrency_limited, "concurrency_limited", 429, FailureCause::client},
    {deadline_exceeded, "deadline_exceeded", 504, FailureCause::client},
    {tls_handshake_failed, "tls_handshake_failed", 400, FailureCause::client},
    {http2_protocol_error, "http2_protocol_error", 400, FailureCause::client},
    {http2_flood, "http2_flood", 400, FailureCause::client},
    {no_route, "no_route", 404, FailureCause::proxy},
    {no_backend, "no_backend", 503, FailureCause::proxy},
    {queue_full, "queue_full", 503, FailureCause::proxy},
    {queue_timeout, "queue_timeout", 503, FailureCause::proxy},
    {resource_exhausted, "resource_exhausted", 503, FailureCause::proxy},
    {drained, "drained", 503, FailureCause::proxy},
    {tunnel_idle, "tunnel_idle", 200, FailureCause::proxy},
    {auth_unavailable, "auth_unavailable", 503, FailureCause::backend},
    {connect_refused, "connect_refused", 502, FailureCause::backend},
    {connect_timeout, "connect_timeout", 504, FailureCause::backend},
    {connect_failed, "connect_failed", 502, FailureCause::backend},
    {backend_tls_failed, "backend_tls_failed", 502, FailureCause::backend},
    {backend_http2_failed, "backend_http2_failed", 502, FailureCause::backend},
    {backend_closed, "backend_closed", 502, FailureCause::backend},
    {backend_timeout, "backend_timeout", 504, FailureCause::backend},
    {backend_removed, "backend_removed", 502, FailureCause::proxy},
    {bad_response_head, "bad_response_head", 502, FailureCause::backend},
    {response_head_too_large, "response_head_too_large", 502, FailureCause::backend},
    {response_truncated, "response_truncated", 502, FailureCause::backend},
    {bad_response_body, "bad_response_body", 502, FailureCause::backend},
    {stream_idle, "stream_idle", 504, FailureCause::backend},
}};

constexpr bool in_order() {
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (rows[i].reason != static_cast<FailureReason>(i)) return false;
    return true;
}
static_assert(in_order());

const Row& row_of(FailureReason reason) { return rows[static_cast<std::size_t>(reason)]; }

} // namespace

std::string_view word_of(FailureReason reason) { return row_of(reason).word; }
FailureCause cause_of(FailureReason reason) { return row_of(reason).cause; }
int status_of(FailureReason reason) { return row_of(reason).status; }

FailureReason reason_of_refusal(int status) {
    switch (status) {
    case 405: return method_not_allowed;
    case 408: return client_timeout;
    case 413: return body_too_large;
    case 414:
    case 431: return request_header_too_large;
    case 417: return unsupported_expectation;
    case 505: return version_not_supported;
    default: return bad_request;
    }
}

FailureReason reason_of_connect_error(int error) {
    switch (error) {
    case ECONNREFUSED: return connect_refused;
    case ETIMEDOUT: return connect_timeout;
    default: return connect_failed;
    }
}

} // namespace weir::proxy
