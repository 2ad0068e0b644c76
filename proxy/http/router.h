// Decides what serves a request: the first matching route in file order, or the listener's own pool.
//
// Thread: one worker's thread.
// Lifetime: the result points into the snapshot.
#pragma once

#include "proxy/http1/random.h"
#include "proxy/snapshot/snapshot.h"

#include <string_view>

namespace weir::proxy::http {

struct RouteChoice {
    std::size_t pool = no_pool;       // no_pool: nothing matches, or the route needs no backend
    const RouteSpec* route = nullptr; // null: the listener's own pool
    std::size_t route_index = 0;      // of the route in the listener
    std::size_t part = 0;             // index of the pool among those of the route
};

// Returns the route and the pool for a request. `random` is called if the pool is left to chance.
RouteChoice choose_route(const Snapshot& snapshot, const ListenerSpec& listener, const RoutedRequest& request,
                         Random& random);

// Returns the counters of the traffic path that a request takes. If no route matches, these are the counters of
// requests without a pool.
TrafficStats& traffic_of(const ListenerSpec& listener, const RouteChoice& choice);

} // namespace weir::proxy::http
