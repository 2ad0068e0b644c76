#include "conf/read/route_checks.h"

#include <set>

namespace weir::conf {

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
        check_match(path + ".match", route.match, listeners, checks);
        check_action(path, route, pools, checks);
        check_access(path, route, pools, checks);
        check_bodies(path, route, config.limits, pools, checks);
        check_error_pages(path + ".error_pages", route.error_pages, checks);
        check_header_edit(path + ".request_headers", route.request_headers, Message::request, checks);
        check_header_edit(path + ".response_headers", route.response_headers, Message::response, checks);
        check_compression(route, path, checks);
    }
}

} // namespace weir::conf
