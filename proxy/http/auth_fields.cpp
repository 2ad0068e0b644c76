#include "proxy/http/auth_fields.h"

#include "base/lower_case.h"
#include "proxy/http1/chars.h"

#include <algorithm>
#include <unordered_map>

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

bool may_proceed(FailureReason reason) {
    switch (reason) {
    case FailureReason::no_backend:
    case FailureReason::auth_unavailable:
    case FailureReason::connect_refused:
    case FailureReason::connect_timeout:
    case FailureReason::connect_failed:
    case FailureReason::backend_tls_failed:
    case FailureReason::backend_closed:
    case FailureReason::backend_timeout: return true;
    default: return false;
    }
}

CopiedFields copy_fields(const ResponseHead& head, const std::vector<std::string>& names) {
    std::unordered_map<std::string, const std::string*> wanted; // so that the work is linear in both
    for (const auto& name : names) wanted[lower_case(name)] = &name;
    CopiedFields fields;
    for (const auto& field : head.fields)
        if (const auto found = wanted.find(lower_case(std::string(field.name))); found != wanted.end())
            fields.emplace_back(*found->second, clean_value(field.value));
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
