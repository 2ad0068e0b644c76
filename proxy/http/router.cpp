#include "proxy/http/router.h"

#include "proxy/http/client_key.h"
#include "proxy/http1/head.h"

#include <algorithm>

namespace weir::proxy::http {

namespace {

// Returns the index of the pool, among those of a split, that serves a request.
std::size_t choose_part(const PoolSplit& split, const RoutedRequest& request, Random& random) {
    if (split.by().kind == conf::ClientKey::Kind::request) return split.part_at(random());
    const auto key = find_client_key(split.by(), request);
    if (!key.empty()) return split.part_at(split.point_of(key));
    const auto bytes = request.client.unmapped().bytes();
    return split.part_at(split.point_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
}

} // namespace

RouteChoice choose_route(const Snapshot& snapshot, const ListenerSpec& listener, const RoutedRequest& request,
                         Random& random) {
    const auto host = without_root(host_of(request.head.authority));
    const auto holds = [&](std::size_t position) { return snapshot.routes[position].conditions.hold(request); };
    const auto index = listener.route_index.find(host, request.path, holds);
    if (index == RouteIndex::none) return {listener.pool, nullptr, 0};
    const auto at = std::lower_bound(listener.routes.begin(), listener.routes.end(), index); // in file order
    const auto& route = snapshot.routes[index];
    RouteChoice choice{route.pool, &route, static_cast<std::size_t>(at - listener.routes.begin())};
    if (route.split.empty()) return choice;
    choice.part = choose_part(route.split, request, random);
    choice.pool = route.split.parts()[choice.part].pool;
    return choice;
}

TrafficStats& traffic_of(const ListenerSpec& listener, const RouteChoice& choice) {
    if (choice.route) return *listener.traffic[choice.route_index][choice.part];
    return choice.pool == no_pool ? *listener.unrouted : *listener.own_traffic;
}

} // namespace weir::proxy::http
