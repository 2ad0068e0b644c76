#include "proxy/http/router.h"

#include "proxy/http1/head.h"

#include <algorithm>

namespace weir::proxy::http {

RouteChoice choose_route(const Snapshot& snapshot, const ListenerSpec& listener, const RoutedRequest& request) {
    const auto host = without_root(host_of(request.head.authority));
    const auto holds = [&](std::size_t position) { return snapshot.routes[position].conditions.hold(request); };
    const auto index = listener.route_index.find(host, request.path, holds);
    if (index == RouteIndex::none) return {listener.pool, nullptr, 0};
    const auto at = std::lower_bound(listener.routes.begin(), listener.routes.end(), index); // in file order
    return {snapshot.routes[index].pool, &snapshot.routes[index],
            static_cast<std::size_t>(at - listener.routes.begin())};
}

TrafficStats& traffic_of(const ListenerSpec& listener, const RouteChoice& choice) {
    if (choice.route) return *listener.traffic[choice.place];
    return choice.pool == no_pool ? *listener.unrouted : *listener.own_traffic;
}

} // namespace weir::proxy::http
