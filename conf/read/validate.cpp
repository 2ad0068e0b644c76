#include "conf/read/validate.h"

#include "conf/read/checks.h"

#include <algorithm>
#include <set>

namespace weir::conf {
namespace {

bool has_route(const Config& config, const std::string& listener) {
    return std::any_of(config.routes.begin(), config.routes.end(), [&](const Route& route) {
        const auto& only = route.match.listeners;
        return only.empty() || std::find(only.begin(), only.end(), listener) != only.end();
    });
}

// Returns true if a listener without a pool has something to do.
bool needs_no_pool(const Config& config, const Listener& listener) {
    if (listener.protocol == Protocol::tcp) return !listener.routes_by_sni.empty();
    return listener.redirect_https || has_route(config, listener.name);
}

void check_sni_routes(const Listener& listener, const std::string& path, const std::vector<std::string_view>& pools,
                      Checks& checks) {
    if (listener.routes_by_sni.empty()) return;
    const auto at = path + ".routes_by_sni";
    if (listener.protocol != Protocol::tcp)
        return checks.fail(at, "only protocol: tcp passes TLS through; with http, use routes with match.hosts");
    if (listener.tls) return checks.fail(at, "has no effect with tls, which terminates TLS: remove one of them");
    for (const auto& [name, pool] : listener.routes_by_sni) {
        checks.dns_name(at + "." + name, name.starts_with("*.") ? std::string_view(name).substr(2) : name);
        checks.known(at + "." + name, "pool", pool, pools);
    }
}

void check_listeners(const Config& config, Checks& checks) {
    std::vector<std::string_view> pools;
    pools.reserve(config.pools.size());
    for (const auto& pool : config.pools) pools.push_back(pool.name);
    if (config.listeners.empty())
        checks.fail("",
                    "no listeners: weir has nothing to do; add listeners: {web: {address: \"0.0.0.0:80\", pool: …}}");
    std::set<Address> seen;
    for (const auto& listener : config.listeners) {
        const auto path = "listeners." + listener.name;
        checks.name(path, listener.name);
        if (listener.address.is_set() && !seen.insert(listener.address).second)
            checks.fail(path + ".address",
                        "duplicate address " + listener.address.text() + ": another listener has it");
        if (!listener.pool.empty()) checks.known(path + ".pool", "pool", listener.pool, pools);
        else if (!needs_no_pool(config, listener))
            checks.fail(path, "\"pool\" is missing: no route of this listener leads to a pool");
        check_tls(listener, path, checks);
        if (listener.path_normalization != PathNormalization::strict && listener.protocol == Protocol::tcp)
            checks.fail(path + ".path_normalization", "has no effect with protocol: tcp");
        if (listener.request_id && listener.protocol == Protocol::tcp)
            checks.fail(path + ".request_id", "has no effect with protocol: tcp");
        if (listener.traceparent && listener.protocol == Protocol::tcp)
            checks.fail(path + ".traceparent", "has no effect with protocol: tcp");
        check_sni_routes(listener, path, pools, checks);
        if (listener.accept_proxy_protocol && listener.trusted_proxies.empty())
            checks.fail(path + ".accept_proxy_protocol",
                        "any client could claim any address: list the proxies that send the header in trusted_proxies");
        if (listener.protocol == Protocol::tcp && !listener.accept_proxy_protocol && !listener.trusted_proxies.empty())
            checks.fail(path + ".trusted_proxies",
                        "has no effect with protocol: tcp unless accept_proxy_protocol is set");
    }
}

void check_limits(const Config& config, Checks& checks) {
    const auto size = config.limits.header_size.bytes;
    if (size < 1024 || size > 256 * 1024) checks.fail("limits.header_size", "from 1KiB to 256KiB");
}

void check_process_and_logging(const Config& config, Checks& checks) {
    if (config.process.state_dir.empty() || config.process.state_dir[0] != '/')
        checks.fail("process.state_dir", "write an absolute path");
    const auto& output = config.logging.access.output;
    if (output != "stdout" && output != "stderr" && output != "none" && !output.starts_with("/"))
        checks.fail("logging.access.output", "write stdout, stderr, none, or a file's absolute path");
}

// Fills in defaults that depend on other values.
void fill_in(Config& config) {
    for (auto& pool : config.pools)
        for (auto& backend : pool.backends)
            if (backend.name.empty() && backend.address.is_set()) backend.name = backend.address.default_name();
    for (auto& pool : config.pools)
        if (pool.health_check && pool.health_check->timeout.count() == 0)
            pool.health_check->timeout = std::min(Duration(2000), pool.health_check->interval);
    for (std::size_t i = 0; i < config.routes.size(); ++i)
        if (config.routes[i].name.empty()) config.routes[i].name = "route" + std::to_string(i + 1);
}

} // namespace

void validate(Config& config, BindContext& context) {
    fill_in(config);
    Checks checks(context);
    check_listeners(config, checks);
    check_routes(config, checks);
    check_pools(config, checks);
    check_limits(config, checks);
    check_admin(config, checks);
    check_process_and_logging(config, checks);
    check_reload(config, checks);
}

} // namespace weir::conf
