#include "conf/read/validate.h"

#include "conf/model/header_name.h"
#include "conf/read/checks.h"

#include <algorithm>
#include <map>
#include <set>

namespace weir::conf {
namespace {

class Checker {
public:
    Checker(const Config& config, BindContext& context) : config_(config), checks_(context) {
        for (const auto& pool : config.pools) pools_.push_back(pool.name);
        for (const auto& listener : config.listeners) listeners_.push_back(listener.name);
    }

    void run() {
        if (config_.listeners.empty())
            fail("", "no listeners: weir has nothing to do; add listeners: {web: {address: \"0.0.0.0:80\", pool: …}}");
        listeners();
        routes();
        check_pools(config_, checks_);
        limits();
        admin_and_logging();
        check_reload(config_, checks_);
    }

private:
    void fail(const std::string& path, std::string why) { checks_.fail(path, std::move(why)); }

    void listeners() {
        std::set<Address> seen;
        for (const auto& listener : config_.listeners) {
            const auto path = "listeners." + listener.name;
            checks_.name(path, listener.name);
            if (listener.address.is_set() && !seen.insert(listener.address).second)
                fail(path + ".address", "duplicate address " + listener.address.text() + ": another listener has it");
            if (!listener.pool.empty()) checks_.known(path + ".pool", "pool", listener.pool, pools_);
            else if (listener.protocol == Protocol::tcp || !any_route_for(listener.name))
                fail(path, "\"pool\" is missing: no route leads from this listener to a pool");
            if (listener.accept_proxy_protocol && listener.trusted_proxies.empty())
                fail(path + ".accept_proxy_protocol",
                     "whoever may connect could claim any address: name the proxies that send it in trusted_proxies");
            if (listener.protocol == Protocol::tcp && !listener.accept_proxy_protocol &&
                !listener.trusted_proxies.empty())
                fail(path + ".trusted_proxies", "means nothing with protocol: tcp, but for accept_proxy_protocol");
        }
    }

    bool any_route_for(const std::string& listener) const {
        return std::any_of(config_.routes.begin(), config_.routes.end(), [&](const Route& route) {
            const auto& only = route.match.listeners;
            return only.empty() || std::find(only.begin(), only.end(), listener) != only.end();
        });
    }

    void routes() {
        std::set<std::string> names;
        for (std::size_t i = 0; i < config_.routes.size(); ++i) {
            const auto& route = config_.routes[i];
            const auto path = "routes[" + std::to_string(i) + "]";
            checks_.name(path + ".name", route.name);
            if (!names.insert(route.name).second) fail(path + ".name", "duplicate route name \"" + route.name + "\"");
            if (!route.pool.empty()) checks_.known(path + ".pool", "pool", route.pool, pools_);
            for (std::size_t k = 0; k < route.match.listeners.size(); ++k)
                checks_.known(path + ".match.listeners[" + std::to_string(k) + "]", "listener",
                              route.match.listeners[k], listeners_);
            for (std::size_t k = 0; k < route.match.hosts.size(); ++k)
                check_host(path + ".match.hosts[" + std::to_string(k) + "]", route.match.hosts[k]);
            if (!route.match.path_prefix.empty() && route.match.path_prefix[0] != '/')
                fail(path + ".match.path_prefix", "a path begins with \"/\"");
            check_headers(path + ".request_headers", route.request_headers);
        }
    }

    void check_host(const std::string& path, std::string_view host) {
        const auto name = host.starts_with("*.") ? host.substr(2) : host;
        const auto legal = [](unsigned char c) {
            return (std::isalnum(c) && !std::isupper(c)) || c == '-' || c == '.' || c == '_' || c == '[' || c == ']' ||
                   c == ':';
        };
        if (name.empty() || name.front() == '.' || !std::all_of(name.begin(), name.end(), legal))
            fail(path, "\"" + std::string(host) +
                           "\" is not a host: write a name in lower case without a port, or *.example.com");
    }

    void check_headers(const std::string& path, const HeaderEdit& edit) {
        std::map<std::string, std::string_view> set;
        for (const auto& [name, value] : edit.set) {
            const auto at = path + ".set." + name;
            check_header(at, name);
            if (fold_header_name(name) == "proxy")
                fail(at, "CGI programs take this header for HTTP_PROXY: choose another name");
            const auto [other, is_new] = set.emplace(fold_header_name(name), name);
            if (!is_new)
                fail(at,
                     "backends read it as the same header as \"" + std::string(other->second) + "\": set one of them");
            if (std::any_of(value.begin(), value.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
                fail(at, "a header's value is one line without control characters");
        }
        for (std::size_t i = 0; i < edit.remove.size(); ++i)
            check_header(path + ".remove[" + std::to_string(i) + "]", edit.remove[i]);
    }

    // Checks a header that a route sets or removes.
    void check_header(const std::string& path, std::string_view name) {
        if (!checks_.header_name(path, name)) return;
        const auto folded = fold_header_name(name);
        for (const auto* framing : {"content-length", "transfer-encoding"})
            if (folded == framing)
                fail(path, "weir sets this header itself, from the body that it forwards: leave it out here");
        for (const auto* hop :
             {"connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "http2-settings", "expect"})
            if (folded == hop) fail(path, "weir sets this header itself, for each connection: leave it out here");
        if (folded == "host") fail(path, "weir sets this header itself, to the client's Host: leave it out here");
    }

    void limits() {
        const auto size = config_.limits.header_size.bytes;
        if (size < 1024 || size > 256 * 1024) fail("limits.header_size", "from 1KiB to 256KiB");
    }

    void admin_and_logging() {
        const auto& admin = config_.admin;
        for (const auto& pool : config_.pools)
            if (pool.health_check && pool.health_check->mode == CheckMode::push && !admin.address)
                fail("pools." + pool.name + ".health_check.mode",
                     "beats come in by the admin API: add admin: {address: …}");
        if (admin.address && !admin.address->is_unix()) {
            const auto& address = std::get<Address>(admin.address->where);
            for (const auto& listener : config_.listeners)
                if (address.is_set() && listener.address == address)
                    fail("admin.address", "duplicate address: listener " + listener.name + " has it");
            if (address.is_set() && !address.is_loopback() && admin.token_file.empty())
                fail("admin.address",
                     "off loopback the admin API needs a token: add token_file, or listen on 127.0.0.1");
        }
        if (!admin.read_token_file.empty() && admin.token_file.empty())
            fail("admin.read_token_file", "means nothing without token_file: no token is needed to change something");
        for (std::size_t i = 0; i < admin.hosts.size(); ++i) {
            const auto at = "admin.hosts[" + std::to_string(i) + "]";
            check_host(at, admin.hosts[i]);
            if (admin.hosts[i].starts_with("*.")) fail(at, "write whole names: patterns are not supported here");
        }
        if (config_.process.state_dir.empty() || config_.process.state_dir[0] != '/')
            fail("process.state_dir", "write an absolute path");
        const auto& output = config_.logging.access.output;
        if (output != "stdout" && output != "stderr" && output != "none" && !output.starts_with("/"))
            fail("logging.access.output", "write stdout, stderr, none, or a file's absolute path");
    }

    const Config& config_;
    Checks checks_;
    std::vector<std::string_view> pools_, listeners_;
};

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
    Checker(config, context).run();
}

} // namespace weir::conf
