// Finds the first route of a listener, in file order, that matches a host and a path. It does not check each route: the
// cost grows with the logarithm of the number of routes and with the length of host and path.
//
//   host, reversed ("moc.elpmaxe.ipa") ──→ host patterns that match it ──→ path prefixes of each ──→ lowest position
//
// Hosts are reversed so that every matching pattern is a prefix of the host: "*.example.com" becomes "moc.elpmaxe.", an
// exact host ends with a marker, and a route without hosts becomes the empty text.
//
// Thread: immutable once built.
// Lifetime: owns what it holds.
#pragma once

#include "conf/model/config.h"
#include "proxy/snapshot/prefix_index.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weir::proxy::http {

class RouteIndex {
public:
    static constexpr std::size_t none = ~std::size_t{0};

    RouteIndex() = default;

    // `candidates` are positions in `routes`, in file order.
    RouteIndex(const std::vector<conf::Route>& routes, const std::vector<std::size_t>& candidates);

    // Returns the position of the first matching route, or `none`. `host` has no port and may be in any case; `path`
    // needs only size() and operator[].
    template <class Path> std::size_t find(std::string_view host, const Path& path) const {
        const ReversedHost reversed{host};
        auto first = none;
        for (auto at = hosts_.find(reversed); at != Hosts::none; at = hosts_[at].parent) {
            const auto& [pattern, paths, _] = hosts_[at];
            // A wildcard matches at least one character.
            if (is_wildcard(pattern) && pattern.size() >= host.size()) continue;
            const auto prefix = paths.find(path);
            if (prefix != Paths::none) first = std::min(first, paths[prefix].value);
        }
        return first;
    }

private:
    using Paths = PrefixIndex<std::size_t>; // the first route with that prefix or a shorter one
    using Hosts = PrefixIndex<Paths>;

    static constexpr char end_of_host = '\0';

    // A host from its last character to its first, in lower case, followed by the marker.
    struct ReversedHost {
        std::string_view host;
        std::size_t size() const { return host.size() + 1; }
        char operator[](std::size_t i) const;
    };

    static std::string key_of(std::string_view pattern);
    static bool is_wildcard(const std::string& key) { return !key.empty() && key.back() != end_of_host; }
    static Paths index_paths(const std::map<std::string, std::size_t>& first_by_prefix);

    Hosts hosts_;
};

} // namespace weir::proxy::http
