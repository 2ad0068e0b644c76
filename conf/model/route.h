// The routes of a configuration as plain values.
//
// Thread: values.
// Lifetime: owns all its data.
#pragma once

#include "conf/model/address.h"
#include "conf/model/client_key.h"
#include "conf/model/compression.h"
#include "conf/model/units.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::conf {

// What happens while a service that decides cannot be reached.
enum class OnUnavailable { refuse, proceed };

// The conditions of a route; all of them must hold.
struct Match {
    std::vector<std::string> hosts;
    std::string path;        // the exact path; empty: any
    std::string path_prefix; // of whole segments; empty: any
    std::string path_regex;  // RE2, searched in the path; empty: any
    std::vector<std::string> methods;
    std::vector<std::pair<std::string, std::string>> headers, query; // name to value, or to "*" for any value
    std::vector<Cidr> clients;
    std::vector<std::string> listeners;
    bool operator==(const Match&) const = default;
};

// Changes to the headers of a message. Values may use variables (header_value.h).
struct HeaderEdit {
    std::vector<std::pair<std::string, std::string>> set; // in place of those with the same name
    std::vector<std::pair<std::string, std::string>> add; // besides those
    std::vector<std::string> remove;
    bool empty() const { return set.empty() && add.empty() && remove.empty(); }
    bool operator==(const HeaderEdit&) const = default;
};

// Timeouts that a pool or a route may override.
struct TimeoutOverrides {
    std::optional<Duration> connect, response, stream_idle, tunnel;
    bool operator==(const TimeoutOverrides&) const = default;
};

struct Redirect {
    std::string to; // a URL or a path, with variables
    std::uint32_t status = 302;
    bool operator==(const Redirect&) const = default;
};

// A response that weir gives itself.
struct FixedResponse {
    std::uint32_t status = 200;
    std::string body, file; // the file's contents are the body; at most one of the two is set
    std::vector<std::pair<std::string, std::string>> headers; // values may use variables
    bool operator==(const FixedResponse&) const = default;
};

// The files of error pages, by status ("502") or class of statuses ("5xx").
using ErrorPageFiles = std::vector<std::pair<std::string, std::string>>;

// Changes to the parameters of a query. Names and values are plain text, which is percent-encoded where necessary.
struct QueryEdit {
    std::vector<std::pair<std::string, std::string>> set; // in place of those with the same name
    std::vector<std::pair<std::string, std::string>> add; // besides those
    std::vector<std::string> remove;
    bool empty() const { return set.empty() && add.empty() && remove.empty(); }
    bool operator==(const QueryEdit&) const = default;
};

// Changes of the path before it is forwarded, in this order, and of the query.
struct PathRewrite {
    std::string strip_prefix;   // of whole segments; empty: none
    std::string regex, replace; // RE2, and the text for the first match; empty: none
    std::string add_prefix;     // empty: none
    QueryEdit query;
    bool map_back = false; // apply the reverse to Location and to the paths of cookies in responses
    bool operator==(const PathRewrite&) const = default;
};

// Which clients a route serves: those in `allow` (empty: all), except those in `deny`.
struct Access {
    std::vector<Cidr> allow, deny;
    bool operator==(const Access&) const = default;
};

// Users who may use a route with their passwords.
struct BasicAuth {
    std::string realm = "restricted"; // shown by browsers
    std::string users_file;
    bool operator==(const BasicAuth&) const = default;
};

// A limit of the requests of each client.
struct RateLimit {
    Rate rate;
    std::uint32_t burst = 0; // requests at once; 0: those of a second, at least 1
    ClientKey by;
    bool operator==(const RateLimit&) const = default;
};

// A limit of the requests that each client may have in progress at a time.
struct ConcurrencyLimit {
    std::uint32_t max = 0;
    ClientKey by;
    bool operator==(const ConcurrencyLimit&) const = default;
};

// A request to another service that decides whether a client is served.
struct ForwardAuth {
    std::string pool, path;
    std::vector<std::string> copy_headers; // from its response to the request
    Duration timeout{5000};
    OnUnavailable on_unavailable = OnUnavailable::refuse;
    bool operator==(const ForwardAuth&) const = default;
};

// A pool that gets copies of requests. Its responses are discarded.
struct Mirror {
    std::string pool;
    Percent share{100};
    Size body_size{64 * 1024}; // requests with larger bodies are not mirrored
    bool operator==(const Mirror&) const = default;
};

// Exactly one of pool, split, redirect and respond says what happens to the requests.
struct Route {
    std::string name;
    Match match;
    std::string pool;
    std::vector<std::pair<std::string, std::string>> split; // pool to its share ("95%")
    ClientKey split_by{ClientKey::Kind::request, ""};       // what is sent to the same pool
    std::optional<Redirect> redirect;
    std::optional<FixedResponse> respond;
    std::optional<PathRewrite> rewrite;
    std::string host = "keep"; // the Host that the backend gets: keep | backend | a host
    HeaderEdit request_headers, response_headers;
    std::optional<Access> access;
    std::optional<BasicAuth> basic_auth;
    std::optional<ForwardAuth> forward_auth;
    std::optional<RateLimit> rate_limit;
    std::optional<ConcurrencyLimit> concurrency_limit;
    std::optional<Mirror> mirror;
    std::optional<Size> body_size; // in place of limits.body_size
    bool buffer_requests = false;  // receive a request's whole body before a backend gets the request
    ErrorPageFiles error_pages;
    std::optional<Compression> compress;
    bool grpc_metrics = false; // count calls of gRPC by method
    TimeoutOverrides timeouts;
    bool operator==(const Route&) const = default;
};

} // namespace weir::conf
