#include "conf/read/checks.h"

#include <algorithm>
#include <set>

namespace weir::conf {
namespace {

void check_backends(const Pool& pool, const std::string& path, Checks& checks) {
    if (pool.backends.empty()) checks.fail(path, "no backends");
    std::set<BackendAddress> addresses;
    std::set<std::string> names;
    for (std::size_t i = 0; i < pool.backends.size(); ++i) {
        const auto& backend = pool.backends[i];
        const auto at = path + ".backends[" + std::to_string(i) + "]";
        if (!backend.address.is_set()) continue;
        checks.name(at + ".name", backend.name);
        if (!addresses.insert(backend.address).second)
            checks.fail(at + ".address", "duplicate address " + backend.address.text() + " in this pool");
        else if (!names.insert(backend.name).second)
            checks.fail(at + ".name", "duplicate name \"" + backend.name + "\" in this pool");
    }
    const bool all_backup = !pool.backends.empty() && std::all_of(pool.backends.begin(), pool.backends.end(),
                                                                  [](const Backend& b) { return b.backup; });
    if (all_backup)
        checks.fail(path + ".backends", "every backend is a backup; at least one must be a regular backend");
}

bool is_cookie_name(std::string_view name) {
    constexpr std::string_view special = "!#$%&'*+-.^_`|~"; // RFC 6265 section 4.1.1
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [&](unsigned char c) {
        return std::isalnum(c) || special.find(static_cast<char>(c)) != std::string_view::npos;
    });
}

void check_hash(const Pool& pool, const std::string& path, Checks& checks) {
    const auto& hash = pool.hash;
    if (hash != Hash{} && pool.algorithm != Algorithm::hash)
        return checks.fail(path + ".hash", "has no effect without algorithm: hash");
    const bool named = hash.on == HashOn::header || hash.on == HashOn::cookie;
    if (!named && !hash.name.empty())
        return checks.fail(path + ".hash.name",
                           "has no effect with this hash.on: only a header or a cookie has a name");
    if (named && hash.name.empty())
        return checks.fail(path + ".hash", "\"name\" is missing: which " +
                                               std::string(hash.on == HashOn::header ? "header" : "cookie"));
    if (hash.on == HashOn::header) checks.header_name(path + ".hash.name", hash.name);
    if (hash.on == HashOn::cookie && !is_cookie_name(hash.name))
        checks.fail(path + ".hash.name", "\"" + hash.name + "\" is not a valid cookie name");
}

void check_balancing(const Pool& pool, const std::string& path, Checks& checks) {
    check_hash(pool, path, checks);
    if (pool.sticky && !is_cookie_name(pool.sticky->cookie))
        checks.fail(path + ".sticky.cookie", "\"" + pool.sticky->cookie + "\" is not a valid cookie name");
    if (pool.sticky && pool.sticky->ttl.count() % 1000 != 0)
        checks.fail(path + ".sticky.ttl", "must be whole seconds: cookies allow nothing finer");
    const bool limited =
        std::any_of(pool.backends.begin(), pool.backends.end(), [](const Backend& b) { return b.max_connections > 0; });
    if (pool.queue && !limited)
        checks.fail(path + ".queue", "no backend of this pool has max_connections: nothing would ever wait");
    if (pool.outlier_ejection && pool.outlier_ejection->base_time.count() == 0)
        checks.fail(path + ".outlier_ejection.base_time", "must be more than 0s");
}

void check_names(const Pool& pool, const std::string& path, Checks& checks) {
    const auto named =
        std::find_if(pool.backends.begin(), pool.backends.end(), [](const Backend& b) { return b.address.is_name(); });
    const bool any = named != pool.backends.end();
    if (pool.resolve_every && !any)
        checks.fail(path + ".resolve_every", "has no effect: no backend of this pool has a host name as its address");
    if (pool.resolve_every && *pool.resolve_every < Duration(1000)) checks.fail(path + ".resolve_every", "at least 1s");
    if (any && pool.health_check && pool.health_check->mode == CheckMode::push)
        checks.fail(path + ".backends[" + std::to_string(named - pool.backends.begin()) + "].address",
                    "a backend that sends heartbeats is one server: write its IP address");
}

void check_sockets(const Pool& pool, const std::string& path, Checks& checks) {
    for (std::size_t i = 0; i < pool.backends.size(); ++i) {
        const auto& backend = pool.backends[i];
        if (!backend.address.is_unix()) continue;
        const auto at = path + ".backends[" + std::to_string(i) + "]";
        if (backend.health_check_port != 0) checks.fail(at + ".health_check_port", "a unix socket has no port");
        else if (pool.health_check && pool.health_check->port != 0)
            checks.fail(path + ".health_check.port",
                        "backend " + backend.name + " is a unix socket, which has no port");
    }
}

// Rejects settings that require HTTP in a pool of a TCP listener.
void check_tcp_use(const Pool& pool, const std::string& listener, Checks& checks) {
    const auto reason = ": listener " + listener + " uses this pool with protocol: tcp";
    if (pool.protocol != BackendProtocol::http1)
        checks.fail("pools." + pool.name + ".protocol", "it is for HTTP requests" + reason);
    if (pool.sticky) checks.fail("pools." + pool.name + ".sticky", "cookies need HTTP" + reason);
    if (!pool.error_pages.empty()) checks.fail("pools." + pool.name + ".error_pages", "pages need HTTP" + reason);
    if (pool.algorithm == Algorithm::hash && pool.hash.on != HashOn::source_ip)
        checks.fail("pools." + pool.name + ".hash.on", "a TCP connection has only a source_ip" + reason);
}

// HTTP/2 carries the requests of many clients over one connection.
void check_protocol(const Pool& pool, const std::string& path, Checks& checks) {
    if (pool.protocol == BackendProtocol::automatic && !pool.tls)
        checks.fail(path + ".protocol", "auto needs tls, which selects the protocol: write http2 if all backends of "
                                        "this pool speak it in plain text, or http1");
    if (pool.protocol != BackendProtocol::http1 && pool.send_proxy_protocol != ProxyProtocol::none)
        checks.fail(path + ".send_proxy_protocol", "a PROXY header names one client, but an HTTP/2 connection carries "
                                                   "many: use protocol: http1, or the header X-Forwarded-For");
}

bool uses(const Listener& listener, const std::string& pool) {
    const auto& by_name = listener.routes_by_sni;
    return listener.pool == pool ||
           std::any_of(by_name.begin(), by_name.end(), [&](const auto& route) { return route.second == pool; });
}

} // namespace

void check_pools(const Config& config, Checks& checks) {
    for (const auto& pool : config.pools) {
        const auto path = "pools." + pool.name;
        checks.name(path, pool.name);
        check_backends(pool, path, checks);
        check_names(pool, path, checks);
        check_sockets(pool, path, checks);
        check_protocol(pool, path, checks);
        check_tls(pool, path, checks);
        check_health(pool, path, checks);
        check_balancing(pool, path, checks);
        check_error_pages(path + ".error_pages", pool.error_pages, checks);
    }
    for (const auto& listener : config.listeners)
        for (const auto& pool : config.pools) {
            if (listener.protocol != Protocol::tcp || !uses(listener, pool.name)) continue;
            check_tcp_use(pool, listener.name, checks);
            if (!listener.routes_by_sni.empty() && pool.tls)
                checks.fail("pools." + pool.name + ".tls", "listener " + listener.name +
                                                               " passes TLS through to this pool: it would be "
                                                               "encrypted twice");
        }
}

} // namespace weir::conf
