// Functions that all checks of a configuration share: error reporting and common syntax checks.
//
// Thread: one thread at a time.
// Lifetime: the context must outlive it.
#pragma once

#include "conf/read/binder.h"

#include <string>
#include <string_view>
#include <vector>

namespace weir::conf {

class Checks {
public:
    explicit Checks(BindContext& context) : context_(context) {}

    // Reports an error at a path such as "pools.web.queue".
    void fail(const std::string& path, std::string reason);
    // Checks a name defined by the configuration: of a listener, a pool or a backend.
    void name(const std::string& path, const std::string& name);
    // Checks a header name (RFC 9110 section 5.1), limited to characters that every server accepts. Returns whether it
    // is valid.
    bool header_name(const std::string& path, std::string_view name);
    // Checks a host name, which may begin with "*.".
    void host(const std::string& path, std::string_view host);
    // Checks the value of a Host field: a name or an IP address, and perhaps a port.
    void authority(const std::string& path, std::string_view authority);
    // Checks a DNS name in lower case (RFC 1035 section 2.3.4), without a wildcard, a port and a trailing dot.
    void dns_name(const std::string& path, std::string_view name);
    // Checks that `name` is one of `known`. `what` is the kind of object that it names, for the error.
    void known(const std::string& path, const char* what, const std::string& name,
               const std::vector<std::string_view>& known);

private:
    BindContext& context_;
};

// Checks the routes: their names, matches, and the headers that they change.
void check_routes(const Config& config, Checks& checks);
// Checks the compression of a route; `path` is the route's path.
void check_compression(const Route& route, const std::string& path, Checks& checks);
// Checks the TLS settings of a listener, redirect_https and http2; `path` is the listener's path. Does not read the
// certificate files.
void check_tls(const Listener& listener, const std::string& path, Checks& checks);
// Checks the TLS settings of a pool, likewise.
void check_tls(const Pool& pool, const std::string& path, Checks& checks);
// Checks the TLS settings of the admin API, likewise.
void check_tls(const Admin& admin, const std::string& path, Checks& checks);
// Checks the pools, and whether the listeners that refer to them can use them.
void check_pools(const Config& config, Checks& checks);
// Checks the error pages of a route or a pool; `path` is that of its `error_pages`. Does not read the files.
void check_error_pages(const std::string& path, const ErrorPageFiles& pages, Checks& checks);
// Checks the health check of a pool; `path` is the pool's path.
void check_health(const Pool& pool, const std::string& path, Checks& checks);
// Checks the admin API: its address, tokens and host names.
void check_admin(const Config& config, Checks& checks);
// Checks the reload settings: the canary window, the lock and its servers.
void check_reload(const Config& config, Checks& checks);

} // namespace weir::conf
