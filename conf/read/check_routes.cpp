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

// Checks a header that a route sets or removes.
void check_header(const std::string& path, std::string_view name, Checks& checks) {
    if (!checks.header_name(path, name)) return;
    const auto folded = fold_header_name(name);
    for (const auto* framing : {"content-length", "transfer-encoding"})
        if (folded == framing) checks.fail(path, "weir sets this header itself, from the forwarded body: remove it");
    for (const auto* hop :
         {"connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "http2-settings", "expect"})
        if (folded == hop) checks.fail(path, "weir sets this header itself, for each connection: remove it");
    if (folded == "host") checks.fail(path, "weir sets this header itself, to the client's Host: remove it");
}

// Checks the variables in the value of a header that a route sets.
void check_variables(const std::string& path, std::string_view value, Checks& checks) {
    while (!value.empty()) {
        const auto name = take_header_piece(value).name;
        if (name.empty() || find_header_variable(name)) continue;
        std::vector<std::string_view> known;
        known.reserve(header_variables.size());
        for (const auto& variable : header_variables) known.push_back(variable.first);
        checks.known(path, "variable", std::string(name), known);
    }
}

void check_header_edit(const std::string& path, const HeaderEdit& edit, Checks& checks) {
    std::map<std::string, std::string_view> set;
    for (const auto& [name, value] : edit.set) {
        const auto at = path + ".set." + name;
        check_header(at, name, checks);
        if (fold_header_name(name) == "proxy")
            checks.fail(at, "CGI programs read this header as HTTP_PROXY: choose another name");
        const auto [other, is_new] = set.emplace(fold_header_name(name), name);
        if (!is_new)
            checks.fail(at, "backends read it as the same header as \"" + std::string(other->second) +
                                "\": set one of them");
        if (std::any_of(value.begin(), value.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
            checks.fail(at, "a header's value is one line without control characters");
        check_variables(at, value, checks);
    }
    for (std::size_t i = 0; i < edit.remove.size(); ++i)
        check_header(path + ".remove[" + std::to_string(i) + "]", edit.remove[i], checks);
}

// Checks a path that routes match: it is compared with paths in their normal form (url_path.h).
void check_path(const std::string& path, const std::string& value, Checks& checks) {
    if (value.empty()) return;
    if (value[0] != '/') return checks.fail(path, "a path begins with \"/\"");
    if (value.find_first_of("?#") != std::string::npos)
        return checks.fail(path, "a path has no query and no fragment: match.query matches parameters");
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

void check_method(const std::string& path, const std::string& method, Checks& checks) {
    const auto legal = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; };
    const auto is_lower = [](unsigned char c) { return std::islower(c) != 0; };
    if (method.empty() || !std::all_of(method.begin(), method.end(), legal))
        checks.fail(path, "\"" + method + "\" is not a method");
    else if (std::any_of(method.begin(), method.end(), is_lower))
        checks.fail(path, "methods are in upper case, such as GET");
}

void check_matched_header(const std::string& path, std::string_view name, std::string_view value, Checks& checks) {
    if (!checks.header_name(path, name)) return;
    if (fold_header_name(name) == "host") checks.fail(path, "match.hosts matches the host");
    if (value.empty()) checks.fail(path, "the value is empty: write \"*\" for any value");
}

void check_match(const std::string& path, const Match& match, const std::vector<std::string_view>& listeners,
                 Checks& checks) {
    for (std::size_t k = 0; k < match.listeners.size(); ++k)
        checks.known(path + ".listeners[" + std::to_string(k) + "]", "listener", match.listeners[k], listeners);
    for (std::size_t k = 0; k < match.hosts.size(); ++k)
        checks.host(path + ".hosts[" + std::to_string(k) + "]", match.hosts[k]);
    check_path(path + ".path", match.path, checks);
    check_path(path + ".path_prefix", match.path_prefix, checks);
    if (!match.path.empty() && !match.path_prefix.empty())
        checks.fail(path + ".path_prefix", "the whole path is given by path: remove one of them");
    check_regex(path + ".path_regex", match.path_regex, checks);
    for (std::size_t k = 0; k < match.methods.size(); ++k)
        check_method(path + ".methods[" + std::to_string(k) + "]", match.methods[k], checks);
    for (const auto& [name, value] : match.headers)
        check_matched_header(path + ".headers." + name, name, value, checks);
    for (const auto& [name, value] : match.query)
        if (name.empty()) checks.fail(path + ".query", "a parameter without a name");
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
        if (!route.pool.empty()) checks.known(path + ".pool", "pool", route.pool, pools);
        check_match(path + ".match", route.match, listeners, checks);
        check_header_edit(path + ".request_headers", route.request_headers, checks);
    }
}

} // namespace weir::conf
