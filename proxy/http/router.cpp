#include "proxy/http/router.h"

#include "proxy/http/chars.h"
#include "proxy/http/head.h"

#include <algorithm>

namespace weir::proxy::http {
namespace {

bool host_matches(std::string_view pattern, std::string_view host) {
    if (!pattern.starts_with("*.")) return same_word(host, pattern);
    const auto tail = pattern.substr(1); // ".example.com": at least one label stands before it
    return host.size() > tail.size() && same_word(host.substr(host.size() - tail.size()), tail);
}

bool matches(const conf::Match& match, std::string_view host, std::string_view path) {
    if (!match.path_prefix.empty() && !path.starts_with(match.path_prefix)) return false;
    return match.hosts.empty() || std::any_of(match.hosts.begin(), match.hosts.end(),
                                              [&](const auto& pattern) { return host_matches(pattern, host); });
}

} // namespace

RouteChoice choose_route(const Snapshot& snapshot, const ListenerSpec& listener, std::string_view authority,
                         std::string_view path) {
    const auto host = host_of(authority);
    if (path.empty() || path.front() == '?') path = "/"; // as it is sent on
    for (const auto index : listener.routes) {
        const auto& route = snapshot.routes[index];
        if (matches(route.config.match, host, path)) return {route.pool, &route};
    }
    return {listener.pool, nullptr};
}

} // namespace weir::proxy::http
