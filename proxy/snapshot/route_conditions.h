// The conditions of a route besides `hosts`, `path` and `path_prefix`: method, header fields, query parameters, client
// address, and a regular expression for the path. RouteIndex finds the routes whose conditions are to be checked.
//
// Thread: immutable.
// Lifetime: owns what it holds.
#pragma once

#include "conf/model/config.h"
#include "proxy/http1/head.h"
#include "proxy/http1/trust.h"
#include "proxy/snapshot/access_rules.h"
#include "proxy/snapshot/worker_regex.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::proxy::http {

// A request as routes see it.
struct RoutedRequest {
    const RequestHead& head;
    std::string_view path;       // in its normal form (url_path.h), without the query
    const conf::Address& client; // unset: not known
    Trust trust;                 // whether the peer's X-Forwarded-* fields are believed
    std::size_t worker;          // index of the worker that serves the request
};

class RouteConditions {
public:
    RouteConditions() = default;
    RouteConditions(const conf::Match& match, std::size_t workers);

    // Returns true if `match` has conditions of this kind.
    static bool has_any(const conf::Match& match);
    // Returns true if a request meets all of them. Its cost is linear in the bytes of the head.
    bool hold(const RoutedRequest& request) const;

private:
    using Pairs = std::vector<std::pair<std::string, std::string>>; // a name, and a value or "*"

    bool allows_method(std::string_view method) const;

    std::vector<std::string> methods_;
    Pairs headers_, query_;
    AccessRules clients_;
    WorkerRegex path_; // empty: any path
};

// Returns true if a query has a parameter of this name with this value, or with any value if it is "*". Both are
// compared after percent-decoding, where '+' is a space (the format of HTML forms).
bool has_parameter(std::string_view query, std::string_view name, std::string_view value);

} // namespace weir::proxy::http
