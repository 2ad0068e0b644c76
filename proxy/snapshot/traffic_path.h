// The path from a client to a backend: listener, route and pool. A reload may remove a path but keep its pool.
//
// Thread: values.
// Lifetime: own their texts.
#pragma once

#include <compare>
#include <string>

namespace weir::proxy {

struct TrafficPath {
    std::string listener, route, pool; // the route is empty if the listener's own pool serves
    auto operator<=>(const TrafficPath&) const = default;
};

} // namespace weir::proxy
