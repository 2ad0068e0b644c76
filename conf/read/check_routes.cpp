#include "conf/model/header_name.h"
#include "conf/model/header_value.h"
#include "conf/model/url_path.h"
#include "conf/read/checks.h"

#include <re2/re2.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

namespace weir::conf {
namespace {

enum class Message { request, response, own_response };

// Checks a header that a route changes.
void check_header(const std::string& path, std::string_view name, Message message, Checks& checks) {
    if (!checks.header_name(path, name)) return;
    const auto folded = fold_header_name(name);
    for (const auto* framing : {"content-length", "transfer-encoding"})
        if (folded == framing) checks.fail(path, "weir sets this header itself, from the body: remove it");
    for (const auto* hop :
         {"connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "http2-settings", "expect"})
        if (folded == hop) checks.fail(path, "weir sets this header itself, for each connection: remove it");
    if (message == Message::request && folded == "host")
        checks.fail(path, "weir sets this header itself: use the route's `host` instead");
    if (message == Message::request && folded == "proxy")
        checks.fail(path, "CGI programs read this header as HTTP_PROXY: choose another name");
    if (message != Message::request && folded == "date")
        checks.fail(path, "weir sets this header itself, if the backend does not: remove it");
}

// Checks the variables in a value. The backend is known only once it has responded.
void check_variables(const std::string& path, std::string_view value, Message message, Checks& checks) {
    while (!value.empty()) {
        const auto name = take_header_piece(value).name;
        const auto variable = find_header_variable(name);
        if (variable == HeaderVariable::backend && message != Message::response)
            checks.fail(path, "{backend} is available only in response_headers");
        if (name.empty() || variable) continue;
        std::vector<std::string_view> known;
        known.reserve(header_variables.size());
        for (const auto& each : header_variables) known.push_back(each.first);
        checks.known(path, "variable", std::string(name), known);
    }
}

// Checks a header that a route sets or adds.
void check_header_value(const std::string& path, const std::string& name, const std::string& value, Message message,
                        Checks& checks) {
    check_header(path, name, message, checks);
    if (std::any_of(value.begin(), value.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
        checks.fail(path, "a header value must not contain line breaks or control characters");
    check_variables(path, value, message, checks);
}

void check_header_edit(const std::string& path, const HeaderEdit& edit, Message message, Checks& checks) {
    std::map<std::string, std::string_view> set;
    for (const auto& [name, value] : edit.set) {
        const auto at = path + ".set." + name;
        check_header_value(at, name, value, message, checks);
        const auto [other, is_new] = set.emplace(fold_header_name(name), name);
        if (!is_new)
            checks.fail(at, "backends read it as the same header as \"" + std::string(other->second) +
                                "\": set one of them");
    }
    for (const auto& [name, value] : edit.add) check_header_value(path + ".add." + name, name, value, message, checks);
    for (std::size_t i = 0; i < edit.remove.size(); ++i)
        check_header(path + ".remove[" + std::to_string(i) + "]", edit.remove[i], message, checks);
}

void check_redirect(const std::string& path, const Redirect& redirect, Checks& checks) {
    const auto& to = redirect.to;
    const auto status = redirect.status;
    if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308)
        checks.fail(path + ".status", "a redirect has the status 301, 302, 303, 307 or 308");
    if (!to.starts_with('/') && !to.starts_with("http://") && !to.starts_with("https://") && !to.starts_with('{'))
        checks.fail(path + ".to", "write a URL (\"https://{host}{path_and_query}\") or a path (\"/login\")");
    if (std::any_of(to.begin(), to.end(), [](unsigned char c) { return c <= 0x20 || c >= 0x7f; }))
        checks.fail(path + ".to",
                    "a URL must not contain spaces, control characters or non-ASCII characters: percent-encode them");
    check_variables(path + ".to", to, Message::request, checks);
}

constexpr std::size_t max_body = 64 * 1024; // bytes of a response that weir gives itself

void check_response(const std::string& path, const FixedResponse& response, Checks& checks) {
    const bool has_no_body = response.status == 204 || response.status == 205 || response.status == 304;
    if (has_no_body && !response.body.empty())
        checks.fail(path + ".body", "a response with status " + std::to_string(response.status) + " has no body");
    if (response.body.size() > max_body)
        checks.fail(path + ".body", "at most 64KiB, because each response holds a copy: serve it from a backend");
    std::map<std::string, std::string_view> names;
    for (const auto& [name, value] : response.headers) {
        const auto at = path + ".headers." + name;
        check_header_value(at, name, value, Message::own_response, checks);
        const auto [other, is_new] = names.emplace(fold_header_name(name), name);
        if (!is_new) checks.fail(at, "the same header as \"" + std::string(other->second) + "\": set one of them");
    }
}

// Returns true if a text may be a part of a path as it is sent (RFC 9112 section 3.2).
bool is_path_text(const std::string& text) {
    return std::all_of(text.begin(), text.end(),
                       [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '?' && c != '#'; });
}

// Checks a path that routes match: it is compared with paths in their normal form (url_path.h).
void check_url_path(const std::string& path, const std::string& value, Checks& checks) {
    if (value.empty()) return;
    if (value[0] != '/') return checks.fail(path, "a path begins with \"/\"");
    if (value.find_first_of("?#") != std::string::npos)
        return checks.fail(path, "a path has no query and no fragment; use match.query to match parameters");
    const auto normal = normalize_path(value, EncodedSlashes::kept);
    if (normal.problem) return checks.fail(path, std::string(normal.problem) + ": no request matches it");
    if (normal.matched != value)
        checks.fail(path, "paths are normalized before they are matched: write \"" + normal.matched + "\"");
}

void check_regex(const std::string& path, const std::string& pattern, Checks& checks) {
    if (pattern.empty()) return;
    const re2::RE2 regex(pattern, re2::RE2::Quiet);
    if (!regex.ok()) checks.fail(path, "not a regular expression that RE2 accepts: " + regex.error());
}

void check_rewrite(const std::string& path, const PathRewrite& rewrite, Checks& checks) {
    check_url_path(path + ".strip_prefix", rewrite.strip_prefix, checks);
    check_url_path(path + ".add_prefix", rewrite.add_prefix, checks);
    const auto& prefix = rewrite.add_prefix;
    if (!prefix.empty() && (!prefix.starts_with('/') || prefix.ends_with('/') || !is_path_text(prefix)))
        checks.fail(
            path + ".add_prefix",
            "must begin with \"/\" and not end with one: write the segments to put before the path, such as \"/api\"");
    check_regex(path + ".regex", rewrite.regex, checks);
    if (rewrite.regex.empty() && !rewrite.replace.empty())
        checks.fail(path + ".replace", "has no effect without regex");
    if (!is_path_text(rewrite.replace))
        checks.fail(path + ".replace", "a path has no spaces, control characters, query or fragment");
    const re2::RE2 regex(rewrite.regex, re2::RE2::Quiet);
    for (std::size_t at = rewrite.replace.find('$'); at != std::string::npos; at = rewrite.replace.find('$', at + 1)) {
        const char group = at + 1 < rewrite.replace.size() ? rewrite.replace[at + 1] : '\0';
        if (group < '0' || group > '9')
            checks.fail(path + ".replace", "write $1 to $9 for a group, or $0 for the match");
        else if (regex.ok() && group - '0' > regex.NumberOfCapturingGroups())
            checks.fail(path + ".replace", "regex has no group $" + std::string(1, group));
    }
    if (rewrite == PathRewrite()) checks.fail(path, "nothing to rewrite: write strip_prefix, add_prefix or regex");
}

// Checks what a route does with requests.
void check_action(const std::string& path, const Route& route, const std::vector<std::string_view>& pools,
                  Checks& checks) {
    const int actions = (route.pool.empty() ? 0 : 1) + (route.redirect ? 1 : 0) + (route.respond ? 1 : 0);
    if (actions == 0) checks.fail(path, "the route does nothing: write one of pool, redirect and respond");
    if (actions > 1) checks.fail(path, "a route has one of pool, redirect and respond: remove the others");
    if (!route.pool.empty()) checks.known(path + ".pool", "pool", route.pool, pools);
    if (route.redirect) check_redirect(path + ".redirect", *route.redirect, checks);
    if (route.respond) check_response(path + ".respond", *route.respond, checks);
    if (route.rewrite) check_rewrite(path + ".rewrite", *route.rewrite, checks);
    const bool forwards = !route.pool.empty() || actions == 0;
    if (route.rewrite && !forwards) checks.fail(path + ".rewrite", "has no effect without a pool");
    if (route.host != "keep" && !forwards) checks.fail(path + ".host", "has no effect without a pool");
    if (route.request_headers != HeaderEdit() && !forwards)
        checks.fail(path + ".request_headers", "has no effect without a pool");
    if (route.host != "keep" && route.host != "backend") checks.authority(path + ".host", route.host);
    if (route.access && route.access->allow.empty() && route.access->deny.empty())
        checks.fail(path + ".access", "names no clients: write allow: [10.0.0.0/8] or deny: [192.0.2.0/24]");
}

void check_method(const std::string& path, const std::string& method, Checks& checks) {
    const auto legal = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; };
    const auto is_lower = [](unsigned char c) { return std::islower(c) != 0; };
    if (method.empty() || !std::all_of(method.begin(), method.end(), legal))
        checks.fail(path, "\"" + method + "\" is not a method");
    else if (std::any_of(method.begin(), method.end(), is_lower))
        checks.fail(path, "methods are case-sensitive: write them in upper case, such as GET");
}

void check_matched_header(const std::string& path, std::string_view name, std::string_view value, Checks& checks) {
    if (!checks.header_name(path, name)) return;
    if (fold_header_name(name) == "host") checks.fail(path, "use match.hosts to match the host");
    if (value.empty()) checks.fail(path, "the value is empty: write \"*\" for any value");
}

void check_match(const std::string& path, const Match& match, const std::vector<std::string_view>& listeners,
                 Checks& checks) {
    for (std::size_t k = 0; k < match.listeners.size(); ++k)
        checks.known(path + ".listeners[" + std::to_string(k) + "]", "listener", match.listeners[k], listeners);
    for (std::size_t k = 0; k < match.hosts.size(); ++k)
        checks.host(path + ".hosts[" + std::to_string(k) + "]", match.hosts[k]);
    check_url_path(path + ".path", match.path, checks);
    check_url_path(path + ".path_prefix", match.path_prefix, checks);
    if (!match.path.empty() && !match.path_prefix.empty())
        checks.fail(path + ".path_prefix", "`path` already gives the exact path: remove path or path_prefix");
    check_regex(path + ".path_regex", match.path_regex, checks);
    for (std::size_t k = 0; k < match.methods.size(); ++k)
        check_method(path + ".methods[" + std::to_string(k) + "]", match.methods[k], checks);
    for (const auto& [name, value] : match.headers)
        check_matched_header(path + ".headers." + name, name, value, checks);
    for (const auto& [name, value] : match.query)
        if (name.empty()) checks.fail(path + ".query", "a query parameter needs a name");
}

} // namespace

void check_routes(const Config& config, Checks& checks) {
    std::vector<std::string_view> pools, listeners;
    for (const auto& pool : config.pools) pools.push_back(pool.name);
    for (const auto& listener : config.listeners) listeners.push_back(listener.name);
    std::set<std::string> names;
    for (std::size_t i = 0; i < config.routes.size(); ++i) {
        const auto& route = config.routes[i];
        const auto path = "routes[" + std::to_string(i) + "]";
        checks.name(path + ".name", route.name);
        if (!names.insert(route.name).second)
            checks.fail(path + ".name", "duplicate route name \"" + route.name + "\"");
        check_match(path + ".match", route.match, listeners, checks);
        check_action(path, route, pools, checks);
        check_header_edit(path + ".request_headers", route.request_headers, Message::request, checks);
        check_header_edit(path + ".response_headers", route.response_headers, Message::response, checks);
    }
}

} // namespace weir::conf
