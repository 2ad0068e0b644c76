#include "proxy/grpc/status.h"

#include "proxy/grpc/call.h"
#include "proxy/http1/chars.h"

#include <algorithm>

namespace weir::proxy::grpc {
namespace {

constexpr std::string_view status_name = "grpc-status";

} // namespace

// https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
Status status_of_http(int status) {
    switch (status) {
    case 400: return Status::internal;
    case 401: return Status::unauthenticated;
    case 403: return Status::permission_denied;
    case 404: return Status::unimplemented;
    case 429:
    case 502:
    case 503:
    case 504: return Status::unavailable;
    default: return Status::unknown;
    }
}

Status status_of_failure(FailureReason reason, int http) {
    switch (reason) {
    case FailureReason::client_closed: return Status::cancelled;
    // The backend may have begun its work, so clients should not repeat the call as they do after `unavailable`.
    case FailureReason::deadline_exceeded:
    case FailureReason::backend_timeout:
    case FailureReason::stream_idle: return Status::deadline_exceeded;
    case FailureReason::body_too_large:
    case FailureReason::request_header_too_large: return Status::resource_exhausted;
    case FailureReason::misdirected_request: return Status::unavailable; // another connection may carry it
    default: return status_of_http(http);
    }
}

int http_status_of(Status status) {
    switch (status) {
    case Status::ok: return 200;
    case Status::cancelled: return 499;
    case Status::invalid_argument:
    case Status::failed_precondition:
    case Status::out_of_range: return 400;
    case Status::deadline_exceeded: return 504;
    case Status::not_found: return 404;
    case Status::already_exists:
    case Status::aborted: return 409;
    case Status::permission_denied: return 403;
    case Status::resource_exhausted: return 429;
    case Status::unimplemented: return 501;
    case Status::unavailable: return 503;
    case Status::unauthenticated: return 401;
    case Status::unknown:
    case Status::internal:
    case Status::data_loss: break;
    }
    return 500;
}

std::optional<Status> parse_status(std::string_view value) {
    constexpr std::size_t most_digits = 9;
    if (value.empty() || value.size() > most_digits) return std::nullopt;
    if (!std::all_of(value.begin(), value.end(), http::is_digit)) return std::nullopt;
    std::size_t number = 0;
    for (const char c : value) number = 10 * number + static_cast<std::size_t>(c - '0');
    return number < status_count ? static_cast<Status>(number) : Status::unknown;
}

std::optional<Status> find_status(const http::ResponseHead& head) {
    std::string_view type, status;
    for (const auto& field : head.fields) {
        if (field.id != http::FieldId::other) continue;
        if (http::same_word(field.name, "content-type")) type = field.value;
        if (http::same_word(field.name, status_name)) status = field.value;
    }
    return head.status == 200 && is_grpc_type(type) ? parse_status(status) : std::nullopt;
}

std::optional<Status> find_status(std::string_view trailers) {
    while (!trailers.empty()) {
        const auto end = std::min(trailers.find('\n'), trailers.size());
        auto line = trailers.substr(0, end);
        trailers.remove_prefix(std::min(end + 1, trailers.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        const auto colon = line.find(':');
        if (colon != std::string_view::npos && http::same_word(line.substr(0, colon), status_name))
            return parse_status(http::trim(line.substr(colon + 1)));
    }
    return std::nullopt;
}

} // namespace weir::proxy::grpc
