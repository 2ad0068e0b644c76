#include "proxy/snapshot/request_header_names.h"
#include "tests/catch.h"

using namespace weir;
using proxy::http::request_header_names;

TEST_CASE("the request headers that a configuration uses are known") {
    using Kind = conf::ClientKey::Kind;
    conf::Config config;
    CHECK(request_header_names(config).empty());
    conf::Route route;
    route.match.headers = {{"X_Match", "*"}};
    route.request_headers = {{{"X-Set", "a"}}, {{"X-Add", "b"}}, {"X-Remove"}};
    route.response_headers = {{{"X-Response", "a"}}, {}, {}};
    route.forward_auth = conf::ForwardAuth{"auth", "/", {"X-User"}};
    route.rate_limit = conf::RateLimit{{}, 0, {Kind::header, "X-Key"}};
    route.concurrency_limit = conf::ConcurrencyLimit{1, {Kind::cookie, "session"}};
    route.split_by = {Kind::header, "X-Split"};
    conf::Pool hashed, other;
    hashed.algorithm = conf::Algorithm::hash;
    hashed.hash = {conf::HashOn::header, "X-Hash"};
    other.hash = {conf::HashOn::header, "X-Unused"};
    config.routes = {route};
    config.pools = {hashed, other};
    CHECK(request_header_names(config) ==
          std::unordered_set<std::string>{"x-match", "x-set", "x-remove", "x-user", "x-key", "x-split", "x-hash"});
}
