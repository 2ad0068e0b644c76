#include "proxy/http/router.h"
#include "tests/catch.h"

using namespace weir::proxy;

TEST_CASE("the first route that matches wins, by host and path") {
    Snapshot snapshot;
    const auto route = [&](std::vector<std::string> hosts, std::string prefix, std::size_t pool) {
        weir::conf::Route config;
        config.match.hosts = std::move(hosts);
        config.match.path_prefix = std::move(prefix);
        snapshot.routes.push_back({.config = config, .pool = pool, .timeouts = {}});
    };
    route({"api.example.com", "*.api.example.com"}, "/v1/", 1);
    route({"*.example.com"}, "", 2);
    route({}, "/static/", 3);
    route({}, "/v1", 4);
    weir::conf::Route exact;
    exact.match.path = "/exact";
    snapshot.routes.push_back({.config = exact, .pool = 5, .timeouts = {}});
    ListenerSpec listener;
    listener.pool = 9;
    const auto serve = [&](std::vector<std::size_t> routes) {
        std::vector<weir::conf::Route> configs;
        for (const auto& spec : snapshot.routes) configs.push_back(spec.config);
        listener.route_index = http::RouteIndex(configs, routes);
    };
    serve({0, 1, 2, 3, 4});
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
        {"other", "/v1", 4},
        {"other", "/v1/", 4},
        {"other", "/v1/x", 4},
        {"other", "/v10", 9},
        {"other", "/exact", 5},
        {"other", "/exact/", 9},
        {"other", "/exactly", 9},
        {"", "/", 9},
        {"[::1]:80", "/", 9},
    };
    const auto client = *weir::conf::Address::parse("192.0.2.1:1");
    http::Random random;
    const auto choose = [&](std::string_view authority, std::string_view path) {
        http::RequestHead head;
        head.authority = authority;
        return http::choose_route(snapshot, listener, {head, path, client, http::Trust::untrusted, 0}, random).pool;
    };
    for (const auto& row : rows) {
        INFO(row.authority << row.path);
        CHECK(choose(row.authority, row.path) == row.pool);
    }
    serve({2}); // the other routes belong to other listeners
    listener.pool = no_pool;
    CHECK(choose("api.example.com", "/v1/") == no_pool);
}

TEST_CASE("a split route chooses a pool at random or by the client key") {
    weir::conf::Route config;
    config.name = "r";
    Snapshot snapshot;
    ListenerSpec listener;
    listener.routes = {0};
    listener.route_index = http::RouteIndex({config}, listener.routes);
    http::Random random;
    const auto serve_by = [&](weir::conf::ClientKey::Kind kind, const std::string& name) {
        snapshot.routes = {{.config = config,
                            .pool = no_pool,
                            .timeouts = {},
                            .split = http::PoolSplit({{3, 50}, {4, 50}}, {kind, name}, "r")}};
    };
    const auto choose = [&](const std::string& address, std::vector<http::Field> fields) {
        http::RequestHead head;
        head.fields = std::move(fields);
        const auto client = *weir::conf::Address::parse(address);
        const auto choice =
            http::choose_route(snapshot, listener, {head, "/", client, http::Trust::untrusted, 0}, random);
        CHECK(choice.pool == 3 + choice.part);
        return choice.pool;
    };
    using Kind = weir::conf::ClientKey::Kind;
    serve_by(Kind::request, "");
    std::size_t sum = 0;
    for (int i = 0; i < 1000; ++i) sum += choose("192.0.2.1:1", {}) - 3;
    CHECK(sum > 400);
    CHECK(sum < 600);

    serve_by(Kind::header, "X-User");
    const auto pool = choose("192.0.2.1:1", {{"x-user", "one"}});
    CHECK(choose("192.0.2.2:2", {{"X-User", "one"}}) == pool);
    const auto by_address = choose("192.0.2.1:1", {});
    CHECK(choose("192.0.2.1:9", {{"X-User", "one"}, {"X-User", "two"}}) == by_address); // neither is believed
    CHECK(choose("192.0.2.1:9", {{"X-User", ""}}) == by_address);
}
