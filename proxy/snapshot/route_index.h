// Finds the first route of a listener, in file order, that matches a request. It does not check each route: the cost
// grows with the logarithm of the number of routes and with the length of host and path. Only the other conditions of
// routes (route_conditions.h) are checked one after the other, for the routes whose host and path match.
//
//   host, reversed ("moc.elpmaxe.ipa") ──→ host patterns that match it ──→ path prefixes of each ──→ lowest position
//
// Paths end with a marker, too. A prefix of whole segments such as "/v1" becomes "/v1/" and "/v1" with the marker, and
// an exact path has the marker.
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
    // needs only size() and operator[], and has no query. `holds` says whether a request meets the other conditions of
    // the route at a position; it is called for routes with such conditions only.
    template <class Path, class Holds>
    std::size_t find(std::string_view host, const Path& path, const Holds& holds) const {
        const MarkedPath<Path> marked{path};
        const ReversedHost reversed{host};
        auto first = none;
        for (auto at = hosts_.find(reversed); at != Hosts::none; at = hosts_[at].parent) {
            const auto& [pattern, paths, _] = hosts_[at];
            // A wildcard matches at least one character.
            if (is_wildcard(pattern) && pattern.size() >= host.size()) continue;
            first = first_of(paths, paths.find(marked), first, holds);
        }
        return first;
    }

private:
    // The routes with one host pattern and one path key, or with a shorter key that this one begins with.
    struct Routes {
        std::size_t first = none;             // without other conditions; includes those of the shorter keys
        std::size_t first_conditional = none; // likewise
        std::vector<std::size_t> conditional; // positions of those of this key alone, in file order
    };
    using Paths = PrefixIndex<Routes>;
    using Hosts = PrefixIndex<Paths>;
    using RoutesByKey = std::map<std::string, Routes>;

    static constexpr char end_of_host = '\0', end_of_path = '\0';

    template <class Path> struct MarkedPath {
        const Path& path;
        std::size_t size() const { return path.size() + 1; }
        char operator[](std::size_t i) const { return i < path.size() ? path[i] : end_of_path; }
    };

    // Returns the first matching route among those at `at` and its parents, if it comes before `first`.
    template <class Holds>
    static std::size_t first_of(const Paths& paths, std::size_t at, std::size_t first, const Holds& holds) {
        if (at != Paths::none) first = std::min(first, paths[at].value.first);
        for (; at != Paths::none && paths[at].value.first_conditional < first; at = paths[at].parent)
            for (const auto position : paths[at].value.conditional) {
                if (position >= first) break;
                if (holds(position)) first = position;
            }
        return first;
    }

    // A host from its last character to its first, in lower case, followed by the marker.
    struct ReversedHost {
        std::string_view host;
        std::size_t size() const { return host.size() + 1; }
        char operator[](std::size_t i) const;
    };

    static std::string key_of(std::string_view pattern);
    static bool is_wildcard(const std::string& key) { return !key.empty() && key.back() != end_of_host; }
    static void add(const conf::Match& match, std::size_t position, RoutesByKey& routes);
    static Paths index_paths(const RoutesByKey& routes);

    Hosts hosts_;
};

} // namespace weir::proxy::http
