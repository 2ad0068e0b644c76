#include "base/lower_case.h"
#include "conf/model/header_name.h"
#include "conf/read/checks.h"

#include <algorithm>
#include <cctype>

namespace weir::conf {
namespace {

constexpr Duration max_silence = std::chrono::hours(365 * 24);

bool has_controls(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

void check_method(const HealthCheck& check, const std::string& path, Checks& checks) {
    constexpr std::string_view special = "!#$%&'*+-.^_`|~"; // RFC 9110 section 5.6.2
    const auto legal = [&](unsigned char c) {
        return std::isalnum(c) || special.find(static_cast<char>(c)) != special.npos;
    };
    if (check.method.empty() || !std::all_of(check.method.begin(), check.method.end(), legal))
        return checks.fail(path, "\"" + check.method + "\" is not a method");
    if (std::any_of(check.method.begin(), check.method.end(), [](unsigned char c) { return std::islower(c); }))
        checks.fail(path, "methods are case-sensitive: write it in upper case, such as GET");
    if (check.method == "CONNECT") checks.fail(path, "CONNECT opens a tunnel: a health check needs another method");
}

void check_probe_headers(const HealthCheck& check, const std::string& path, Checks& checks) {
    std::vector<std::string> seen;
    for (const auto& [name, value] : check.headers) {
        const auto at = path + "." + name;
        if (!checks.header_name(at, name)) continue;
        const auto key = fold_header_name(name);
        if (key == "host") checks.fail(at, "write it as \"host\" of the health check");
        for (const auto* own : {"content-length", "transfer-encoding", "connection", "upgrade", "expect"})
            if (key == own) checks.fail(at, "weir sets this header itself: remove it");
        if (std::find(seen.begin(), seen.end(), key) != seen.end())
            checks.fail(at, "duplicate: header names are case-insensitive");
        if (has_controls(value)) checks.fail(at, "a header's value is one line without control characters");
        seen.push_back(key);
    }
}

void check_host(const HealthCheck& check, const std::string& path, Checks& checks) {
    const auto legal = [](unsigned char c) {
        return std::isalnum(c) || std::string_view("-._:[]").find(static_cast<char>(c)) != std::string_view::npos;
    };
    if (!std::all_of(check.host.begin(), check.host.end(), legal))
        checks.fail(path, "\"" + check.host + "\" is not a host: write a name or an address, with an optional port");
}

// Rejects headers that a request over HTTP/2 must not have (RFC 9113 section 8.2.2).
void check_http2_headers(const HealthCheck& check, const std::string& path, Checks& checks) {
    for (const auto& [name, _] : check.headers)
        for (const auto* connection : {"keep-alive", "proxy-connection", "te", "http2-settings"})
            if (lower_case(name) == connection)
                checks.fail(path + "." + name, "HTTP/2 has no such header, and this pool has protocol: http2 or auto: "
                                               "remove it");
}

void check_service(const HealthCheck& check, const std::string& path, Checks& checks) {
    if (check.type != CheckType::grpc && !check.service.empty())
        return checks.fail(path, "has no effect without type: grpc");
    if (has_controls(check.service)) checks.fail(path, "the name of a service has no control characters");
    if (check.service.size() > 1024) checks.fail(path, "at most 1024 bytes");
}

void check_request(const HealthCheck& check, const std::string& path, Checks& checks) {
    if (check.path.empty() || check.path[0] != '/' ||
        std::any_of(check.path.begin(), check.path.end(), [](unsigned char c) { return c <= 0x20 || c >= 0x7f; }))
        checks.fail(path + ".path", "a path begins with \"/\" and has no spaces");
    check_method(check, path + ".method", checks);
    check_probe_headers(check, path + ".headers", checks);
    if (check.expect_status.empty())
        checks.fail(path + ".expect_status", "no status would count as healthy: list at least one");
    if (check.expect_body.empty()) return;
    if (check.method == "HEAD")
        checks.fail(path + ".expect_body", "the response to a HEAD has no body: use method: GET");
    if (check.expect_body.size() > 1024) checks.fail(path + ".expect_body", "at most 1024 bytes");
}

// Rejects keys that apply only to HTTP checks.
void check_no_request(const HealthCheck& check, const std::string& path, Checks& checks) {
    const HealthCheck usual;
    const auto refuse = [&](const char* key, bool given) {
        if (given) checks.fail(path + "." + key, "has no effect without type: http");
    };
    refuse("method", check.method != usual.method);
    refuse("path", check.path != usual.path);
    refuse("headers", !check.headers.empty());
    refuse("expect_body", !check.expect_body.empty());
    refuse("expect_status", check.expect_status != usual.expect_status);
}

void check_push(const HealthCheck& check, const std::string& path, Checks& checks) {
    const bool push = check.mode == CheckMode::push;
    if (push && check.type != CheckType::heartbeat) checks.fail(path + ".mode", "only type: heartbeat can be pushed");
    if (push && check.token_file.empty())
        checks.fail(path, "\"token_file\" is missing: without a token, any program could send heartbeats");
    if (!push && !check.token_file.empty()) checks.fail(path + ".token_file", "has no effect without mode: push");
    if (push && check.port != 0) checks.fail(path + ".port", "has no effect with mode: push: no probes are sent");
}

} // namespace

void check_health(const Pool& pool, const std::string& path, Checks& checks) {
    for (std::size_t i = 0; i < pool.backends.size(); ++i) {
        if (pool.backends[i].health_check_port == 0) continue;
        const auto at = path + ".backends[" + std::to_string(i) + "].health_check_port";
        if (!pool.health_check) checks.fail(at, "has no effect: this pool has no health_check");
        else if (pool.health_check->mode == CheckMode::push)
            checks.fail(at, "has no effect with mode: push: no probes are sent");
    }
    if (!pool.health_check) return;
    const auto& check = *pool.health_check;
    const auto key = path + ".health_check";
    if (check.timeout > check.interval)
        checks.fail(key + ".timeout", "longer than the interval (" + format(check.interval) +
                                          "): probes would overlap; shorten the timeout");
    if (check.type == CheckType::http) check_request(check, key, checks);
    else check_no_request(check, key, checks);
    if (pool.protocol != BackendProtocol::http1) check_http2_headers(check, key + ".headers", checks);
    if (check.type == CheckType::http || check.type == CheckType::grpc) check_host(check, key + ".host", checks);
    else if (!check.host.empty()) checks.fail(key + ".host", "has no effect without type: http or grpc");
    check_service(check, key + ".service", checks);
    check_push(check, key, checks);
    if (check.type == CheckType::heartbeat && check.interval * check.fall > max_silence)
        checks.fail(key + ".fall", "interval × fall is how long a backend may be silent: at most 365d");
}

} // namespace weir::conf
