#include "proxy/http/auth_fields.h"

#include "proxy/http1/chars.h"

#include <algorithm>

namespace weir::proxy::http {
namespace {

std::string clean_value(std::string_view value) {
    std::string clean(value);
    std::replace_if(
        clean.begin(), clean.end(), [](char c) { return !is_value(c); }, ' ');
    return std::string(trim(clean));
}

} // namespace

AuthDecision decide_by_status(int status) {
    if (status >= 200 && status < 300) return AuthDecision::allowed;
    return status >= 300 && status < 500 ? AuthDecision::denied : AuthDecision::unavailable;
}

CopiedFields copy_fields(const ResponseHead& head, const std::vector<std::string>& names) {
    CopiedFields fields;
    for (const auto& name : names)
        for (const auto& field : head.fields)
            if (same_name(field.name, name)) fields.emplace_back(name, clean_value(field.value));
    return fields;
}

CopiedFields describe_request(std::string_view method, std::string_view path) {
    std::string uri(path.empty() || path.front() == '?' ? "/" : ""); // a target in absolute form may have no path
    uri += path;
    return {{"X-Forwarded-Method", std::string(method)}, {"X-Forwarded-Uri", std::move(uri)}};
}

Failure auth_unavailable(const Failure& cause) {
    const bool explains = cause.detail && *cause.detail;
    return {FailureReason::auth_unavailable, explains ? cause.detail : word_of(cause.reason).data(), cause.error};
}

} // namespace weir::proxy::http
