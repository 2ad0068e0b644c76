#include "proxy/snapshot/route_index.h"

#include "proxy/http1/chars.h"
#include "proxy/snapshot/route_conditions.h"

#include <algorithm>

namespace weir::proxy::http {

char RouteIndex::ReversedHost::operator[](std::size_t i) const {
    return i < host.size() ? to_lower(host[host.size() - 1 - i]) : end_of_host;
}

std::string RouteIndex::key_of(std::string_view pattern) {
    const bool wildcard = pattern.starts_with("*.");
    const ReversedHost reversed{wildcard ? pattern.substr(1) : pattern};
    std::string key;
    for (std::size_t i = 0; i < reversed.size() - (wildcard ? 1 : 0); ++i) key.push_back(reversed[i]);
    return key;
}

RouteIndex::RouteIndex(const std::vector<conf::Route>& routes, const std::vector<std::size_t>& candidates) {
    std::map<std::string, RoutesByKey> by_host;
    for (const auto index : candidates) {
        const auto& match = routes[index].match;
        if (match.hosts.empty()) add(match, index, by_host[""]);
        for (const auto& pattern : match.hosts) add(match, index, by_host[key_of(pattern)]);
    }
    std::vector<Hosts::Entry> hosts;
    hosts.reserve(by_host.size());
    for (const auto& [key, routes_by_key] : by_host) hosts.push_back({key, index_paths(routes_by_key)});
    hosts_ = Hosts(std::move(hosts));
}

void RouteIndex::add(const conf::Match& match, std::size_t position, RoutesByKey& routes) {
    const bool conditional = RouteConditions::has_any(match);
    const auto add_at = [&](const std::string& key) {
        auto& at = routes[key];
        if (at.first != none) return; // a later route with the same host and path is never reached
        if (!conditional) at.first = position;
        else if (at.conditional.empty() || at.conditional.back() != position) at.conditional.push_back(position);
        if (conditional) at.first_conditional = std::min(at.first_conditional, position);
    };
    const auto& prefix = match.path_prefix;
    if (!match.path.empty()) return add_at(match.path + end_of_path);
    if (prefix.empty() || prefix.back() == '/') return add_at(prefix);
    add_at(prefix + '/');
    add_at(prefix + end_of_path);
}

// Gives each key the routes of the keys that it begins with, so that a look-up stops at the longest one.
RouteIndex::Paths RouteIndex::index_paths(const RoutesByKey& routes) {
    std::vector<Paths::Entry> entries;
    entries.reserve(routes.size());
    for (const auto& [key, at] : routes) entries.push_back({key, at});
    Paths paths(std::move(entries));
    paths.accumulate([](const Routes& parent, const Routes& own) {
        return Routes{std::min(parent.first, own.first), std::min(parent.first_conditional, own.first_conditional),
                      own.conditional};
    });
    return paths;
}

} // namespace weir::proxy::http
