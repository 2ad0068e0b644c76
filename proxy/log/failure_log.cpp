#include "proxy/log/failure_log.h"

#include "conf/model/redact.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cctype>
#include <cstring>

namespace weir::proxy::log {
namespace {

constexpr std::size_t longest_logged = 256; // of one text from outside in a line

// Clients cause these all the time, so they are logged only at level debug.
spdlog::level::level_enum level_of_failure(FailureReason reason) {
    switch (reason) {
    case FailureReason::client_closed:
    case FailureReason::client_timeout:
    case FailureReason::no_route:
    case FailureReason::tunnel_idle: return spdlog::level::debug;
    default: return cause_of(reason) == FailureCause::client ? spdlog::level::info : spdlog::level::warn;
    }
}

// Returns false if a connection failed, whatever requests it carried.
bool is_about_request(const AccessRecord& r) {
    if (r.failure.reason == FailureReason::http2_protocol_error || r.failure.reason == FailureReason::http2_flood)
        return false;
    return r.protocol == conf::Protocol::http;
}

void add(std::string& line, const char* key, std::string_view text) {
    if (text.empty()) return;
    line.append(" ").append(key).append("=\"").append(escape_bytes(text.substr(0, longest_logged))).append("\"");
}

// Returns whether a field's value is a credential. A name that is malformed counts by its letters.
bool is_secret_field(std::string_view name) {
    std::string letters;
    for (const char c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_') letters += c;
    return conf::is_sensitive_header(letters);
}

} // namespace

bool RateLimit::allow(TimePoint now) {
    while (tokens_ < burst && now - refilled_ >= interval) ++tokens_, refilled_ += interval;
    if (tokens_ == burst) refilled_ = now; // a full bucket accumulates nothing
    if (tokens_ == 0) return ++suppressed_, false;
    --tokens_;
    return true;
}

std::string escape_bytes(std::string_view bytes) {
    constexpr std::string_view hex = "0123456789abcdef";
    std::string out;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') out += c;
        else out.append("\\x").append(1, hex[byte >> 4]).append(1, hex[byte & 15]);
    }
    return out;
}

std::string excerpt(std::string_view bytes, std::size_t at) {
    at = std::min(at, bytes.size());
    const auto from = at < 32 ? 0 : at - 32;
    const auto to = std::min(at + 64, bytes.size());
    std::string out;
    bool secret = false; // of the field that the line belongs to
    for (std::size_t line = 0, next = 0; line < to; line = next) {
        next = std::min(bytes.find('\n', line), bytes.size() - 1) + 1;
        const auto text = bytes.substr(line, next - line);
        const bool folded = line > 0 && (text.front() == ' ' || text.front() == '\t');
        const auto colon = text.find(':');
        if (!folded) secret = colon != std::string_view::npos && is_secret_field(text.substr(0, colon));
        if (next <= from) continue;
        const auto first = std::max(from, line), last = std::min(to, next);
        const auto shown = secret ? std::clamp(line + (folded ? 0 : colon + 1), first, last) : last;
        out += escape_bytes(bytes.substr(first, shown - first));
        if (shown < last) out += "[hidden]";
    }
    return out;
}

std::string describe_failure(const Failure& failure) {
    std::string text = failure.detail;
    if (failure.error) text.append(text.empty() ? "" : ": ").append(std::strerror(failure.error));
    return text;
}

void FailureLog::write(const AccessRecord& r, std::chrono::steady_clock::time_point now) {
    const auto level = level_of_failure(r.failure.reason);
    if (!spdlog::should_log(level)) return;
    auto& limit = limits_[static_cast<std::size_t>(r.failure.reason)];
    if (!limit.allow(now)) return;
    std::string line = is_about_request(r) ? "request failed: " : "connection failed: ";
    line += word_of(r.failure.reason);
    if (const auto detail = describe_failure(r.failure); !detail.empty()) line.append(": ").append(detail);
    line.append(" status=").append(std::to_string(r.status));
    add(line, "client", r.client);
    if (r.peer != r.client) add(line, "peer", r.peer);
    add(line, "request_id", r.ids.request);
    add(line, "listener", r.path.listener);
    add(line, "method", r.request.method);
    add(line, "host", r.request.host);
    add(line, "target", r.request.target);
    add(line, "route", r.path.route);
    add(line, "pool", r.path.pool);
    add(line, "backend", r.path.backend);
    if (!r.offending.empty()) line.append(" bytes=\"").append(r.offending).append("\""); // escaped already
    if (const auto more = limit.take_suppressed())
        line.append(" (").append(std::to_string(more)).append(" more of this kind were not logged)");
    spdlog::log(level, spdlog::string_view_t(line.data(), line.size()));
}

} // namespace weir::proxy::log
