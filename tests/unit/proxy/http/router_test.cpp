#include "proxy/http/router.h"
#include "tests/catch.h"

using namespace weir::proxy;

TEST_CASE("the first route that matches wins, by host and path") {
    Snapshot snapshot;
    const auto route = [&](std::vector<std::string> hosts, std::string prefix, std::size_t pool) {
        weir::conf::Route config;
        config.match.hosts = std::move(hosts);
        config.match.path_prefix = std::move(prefix);
        snapshot.routes.push_back({config, pool, {}});
    };
    route({"api.example.com", "*.api.example.com"}, "/v1/", 1);
    route({"*.example.com"}, "", 2);
    route({}, "/static/", 3);
    ListenerSpec listener;
    listener.pool = 9;
    const auto serve = [&](std::vector<std::size_t> routes) {
        std::vector<weir::conf::Route> configs;
        for (const auto& spec : snapshot.routes) configs.push_back(spec.config);
        listener.route_index = http::RouteIndex(configs, routes);
    };
    serve({0, 1, 2});
    struct Row {
        const char *authority, *path;
        std::size_t pool;
    };
    const Row rows[] = {
        {"api.example.com", "/v1/x", 1},
        {"API.Example.COM:8443", "/v1/", 1},
        {"eu.api.example.com", "/v1/", 1},
        {"api.example.com", "/v2/", 2},
        {"example.com", "/", 9},
        {"a.b.example.com", "/", 2},
        {"xexample.com", "/", 9},
        {".example.com", "/", 9},
        {"other", "/static/a", 3},
        {"other", "/static", 9},
        {"", "/", 9},
        {"[::1]:80", "/", 9},
        {"other", "?q", 9},
    };
    for (const auto& row : rows) {
        INFO(row.authority << row.path);
        CHECK(http::choose_route(snapshot, listener, row.authority, row.path).pool == row.pool);
    }
    serve({2}); // the other routes belong to other listeners
    listener.pool = no_pool;
    CHECK(http::choose_route(snapshot, listener, "api.example.com", "/v1/").pool == no_pool);
}
