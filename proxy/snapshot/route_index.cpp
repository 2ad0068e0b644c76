#include "proxy/snapshot/route_index.h"

#include "proxy/http1/chars.h"

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
    std::map<std::string, std::map<std::string, std::size_t>> by_host;
    for (const auto index : candidates) {
        const auto& match = routes[index].match;
        // emplace() keeps the first: a later route with the same host and prefix is never reached.
        if (match.hosts.empty()) by_host[""].emplace(match.path_prefix, index);
        for (const auto& pattern : match.hosts) by_host[key_of(pattern)].emplace(match.path_prefix, index);
    }
    std::vector<Hosts::Entry> hosts;
    hosts.reserve(by_host.size());
    for (const auto& [key, first_by_prefix] : by_host) hosts.push_back({key, index_paths(first_by_prefix)});
    hosts_ = Hosts(std::move(hosts));
}

// Gives each prefix the routes of the prefixes that it begins with, so that a look-up stops at the longest one.
RouteIndex::Paths RouteIndex::index_paths(const std::map<std::string, std::size_t>& first_by_prefix) {
    std::vector<Paths::Entry> entries;
    entries.reserve(first_by_prefix.size());
    for (const auto& [prefix, index] : first_by_prefix) entries.push_back({prefix, index});
    Paths paths(std::move(entries));
    paths.accumulate([](std::size_t parent, std::size_t own) { return std::min(parent, own); });
    return paths;
}

} // namespace weir::proxy::http
