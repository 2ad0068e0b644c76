#include "proxy/http/request_plan.h"
#include "tests/catch.h"
#include "tests/unit/support/test_certificates.h"

#include <string>

using namespace weir::proxy;
using namespace weir::proxy::http;

namespace {

// Plans requests for one listener with one route: /api/ goes to pool 1, the rest to pool 0.
class Bench {
public:
    Bench() {
        weir::conf::Route route;
        route.name = "api";
        route.match.path_prefix = "/api/";
        snapshot.routes.push_back(
            {.config = route, .pool = 1, .timeouts = {}, .conditions = RouteConditions(route.match, 1)});
        listener.routes = {0};
        listener.pool = 0;
        listener.route_index = RouteIndex({route}, listener.routes);
    }

    RequestPlan plan(const std::string& bytes) {
        bytes_ = bytes;
        REQUIRE(parse_request(bytes_, {}, head_).status == HeadStatus::complete);
        return plan_request(head_, snapshot, listener, {nullptr, trust, address, 0, random_, now});
    }
    // Plans a request for this host on a connection with this identity, through a listener that requires certificates.
    RequestPlan plan_as(const weir::tls::ClientIdentity* identity, const std::string& host) {
        bytes_ = "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
        REQUIRE(parse_request(bytes_, {}, head_).status == HeadStatus::complete);
        return plan_request(head_, snapshot, listener, {identity, trust, address, 0, random_, now});
    }
    RequestPlan get(const std::string& fields) { return plan("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"); }
    RequestPlan post(const std::string& fields) { return plan("POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"); }

    Snapshot snapshot;
    ListenerSpec listener;
    Trust trust = Trust::untrusted;
    weir::conf::Address address = *weir::conf::Address::parse("192.0.2.7:1");
    TimePoint now{std::chrono::hours(1)};

private:
    std::string bytes_;
    RequestHead head_;
    Random random_;
};

} // namespace

TEST_CASE("a plan says which pool serves a request, and through which route") {
    Bench bench;
    const auto own = bench.get("");
    CHECK_FALSE(own.refusal);
    CHECK(own.route.pool == 0);
    CHECK(own.route.route == nullptr);
    const auto api = bench.plan("DELETE /api/x HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(api.route.pool == 1);
    CHECK(api.route.route == &bench.snapshot.routes[0]);
    CHECK(api.idempotence == Idempotence::idempotent);
    bench.listener.pool = no_pool;
    CHECK(bench.get("").refusal.reason == FailureReason::no_route);
}

TEST_CASE("a plan keeps the client's connection only if it can be read further") {
    Bench bench;
    CHECK(bench.get("").connection == Connection::keep);
    CHECK(bench.get("Connection: close\r\n").connection == Connection::close);
    CHECK(bench.plan("GET / HTTP/1.0\r\n\r\n").connection == Connection::close);
    CHECK(bench.plan("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").connection == Connection::keep);
    const auto ambiguous = bench.post("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n");
    CHECK(ambiguous.refusal.reason == FailureReason::bad_request);
    CHECK(ambiguous.connection == Connection::close);
}

TEST_CASE("a plan refuses other expectations, and bodies over the limit") {
    Bench bench;
    CHECK(bench.get("Expect: something\r\n").refusal.reason == FailureReason::unsupported_expectation);
    bench.snapshot.config.limits.body_size.bytes = 10;
    CHECK_FALSE(bench.post("Content-Length: 10\r\n").refusal);
    CHECK(bench.post("Content-Length: 11\r\n").refusal.reason == FailureReason::body_too_large);
    CHECK_FALSE(bench.post("Transfer-Encoding: chunked\r\n").refusal); // its size is not known yet
    bench.snapshot.config.limits.body_size.bytes = 0;
    CHECK_FALSE(bench.post("Content-Length: 11\r\n").refusal);
}

TEST_CASE("only a client with a body may wait for 100") {
    Bench bench;
    const auto wish = [&](const std::string& fields) { return bench.post(fields).continue_wish; };
    CHECK(wish("Expect: 100-continue\r\nContent-Length: 1\r\n") == ContinueWish::may_wait);
    CHECK(wish("Content-Length: 1\r\n") == ContinueWish::none);
    CHECK(wish("Expect: 100-continue\r\n") == ContinueWish::none);
    CHECK(wish("Expect: 100-continue\r\nContent-Length: 0\r\n") == ContinueWish::none);
    CHECK(bench.plan("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n").continue_wish ==
          ContinueWish::none);
}

TEST_CASE("a plan names the protocol that a request asks for, and what answers it") {
    Bench bench;
    CHECK(bench.get("Connection: upgrade\r\nUpgrade: websocket\r\n").upgrade == "websocket");
    CHECK(bench.get("Upgrade: websocket\r\n").upgrade.empty());
    CHECK(bench.get("").answer_to == AnswerTo::other);
    CHECK(bench.plan("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").answer_to == AnswerTo::head);
}

TEST_CASE("idempotent methods") {
    CHECK(is_idempotent("GET"));
    CHECK(is_idempotent("DELETE"));
    CHECK_FALSE(is_idempotent("POST"));
    CHECK_FALSE(is_idempotent("PATCH"));
    CHECK_FALSE(is_idempotent("get"));
}

TEST_CASE("with client certificates, a request must belong to its connection") {
    Bench bench;
    weir::tests::TestAuthority authority;
    const auto pair = authority.issue({{"a"}});
    weir::tls::ServerOptions options;
    options.certificates = {
        weir::tls::Certificate::load(pair.cert, pair.key, std::chrono::system_clock::now()).certificate};
    options.tickets = std::make_shared<weir::tls::TicketKeys>();
    options.client_auth = weir::tls::ClientAuth::require;
    options.client_roots = *weir::tls::TrustedRoots::load(pair.cert);
    bench.listener.tls = *weir::tls::ServerContext::make(options);
    const auto& policy = bench.listener.tls->client_policy();
    const auto reason = [&](const weir::tls::ClientIdentity* identity, const char* host) {
        const auto plan = bench.plan_as(identity, host);
        CHECK((plan.connection == Connection::close) == bool(plan.refusal));
        return plan.refusal.reason;
    };
    const weir::tls::ClientIdentity named{policy, "a", "CN=c", "00"}, nameless{policy, "", "CN=c", "00"},
        earlier{"requests others", "a", "", ""};
    CHECK(reason(&named, "a") == FailureReason::none);
    CHECK(reason(&named, "A.:443") == FailureReason::none);
    CHECK(reason(&nameless, "b") == FailureReason::none);
    CHECK(reason(&named, "b") == FailureReason::misdirected_request);
    CHECK(reason(&earlier, "a") == FailureReason::misdirected_request);
    CHECK(reason(nullptr, "a") == FailureReason::misdirected_request);
    bench.listener.tls = nullptr;
    CHECK(reason(&earlier, "b") == FailureReason::misdirected_request);
    CHECK(reason(nullptr, "b") == FailureReason::none);
}

TEST_CASE("a listener that redirects to https serves only ACME challenges") {
    Bench bench;
    bench.listener.config.redirect_https = true;
    const auto plan = bench.plan("POST /api/x?y HTTP/1.1\r\nHost: a:80\r\n\r\n");
    CHECK(plan.redirect.host == "a");
    CHECK(plan.redirect.path == "/api/x?y");
    CHECK(plan.route.pool == no_pool);
    CHECK(bench.plan("GET /.well-known/acme-challenge/x-Y_9 HTTP/1.1\r\nHost: a\r\n\r\n").route.pool == 0);
    for (const char* path : {"", "x/../../admin", "..", "%2e%2e", "x?y"})
        CHECK(bench.plan("GET /.well-known/acme-challenge/" + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n")
                  .redirect.host == "a");
    CHECK(bench.plan("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").redirect.path == "/");
    CHECK(bench.get("X-Forwarded-Proto: https\r\n").redirect.host == "a");
    bench.trust = Trust::trusted;
    CHECK(bench.get("X-Forwarded-Proto: https\r\n").route.pool == 0);
    CHECK(bench.get("X-Forwarded-Proto: http\r\n").redirect.host == "a");
    CHECK(bench.plan("GET / HTTP/1.0\r\n\r\n").refusal.reason == FailureReason::bad_request);
}

TEST_CASE("a request is forwarded with the path that its route has matched") {
    Bench bench;
    const auto plan = [&](const std::string& path) {
        auto made = bench.plan("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n");
        return std::pair(made.route.pool, made.changed_path ? made.changed_path->normal : "");
    };
    CHECK(plan("/api/x") == std::pair<std::size_t, std::string>(1, "")); // as it was received
    CHECK(plan("/x/../%61pi//x?q=//..") == std::pair<std::size_t, std::string>(1, "/api/x?q=//.."));
    CHECK(plan("/api;v=1/x") == std::pair<std::size_t, std::string>(1, ""));
    CHECK(plan("http://a?q") == std::pair<std::size_t, std::string>(0, "/?q"));
    CHECK(plan("/api/../") == std::pair<std::size_t, std::string>(0, "/"));
}

TEST_CASE("an ambiguous path is refused unless the listener allows it") {
    Bench bench;
    const auto get = [&](const std::string& path) {
        return bench.plan("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n");
    };
    const auto refused = get("/x/..%2fapi/");
    CHECK(refused.refusal.reason == FailureReason::bad_request);
    CHECK(refused.refusal.detail == std::string("an encoded slash or a backslash in the path"));
    CHECK(refused.connection == Connection::keep);
    bench.listener.config.path_normalization = weir::conf::PathNormalization::keep_encoded_slashes;
    CHECK_FALSE(get("/api/a%2fb").refusal);
    CHECK(get("/x/..%2fapi/").refusal);
    bench.listener.config.path_normalization = weir::conf::PathNormalization::none;
    const auto raw = get("/x/..%2fapi/");
    CHECK_FALSE(raw.refusal);
    CHECK_FALSE(raw.changed_path);
    CHECK(raw.route.pool == 0);
    CHECK(get("//api/").route.pool == 0);
}

TEST_CASE("OPTIONS * has no path to normalize") {
    Bench bench;
    const auto plan = bench.plan("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_FALSE(plan.refusal);
    CHECK_FALSE(plan.changed_path);
}

TEST_CASE("a client that is over the limit of a route is told when to come again") {
    Bench bench;
    weir::conf::RateLimit limit;
    limit.rate = {1, std::chrono::minutes(1)};
    limit.burst = 2;
    bench.snapshot.routes[0].limiter =
        std::make_shared<limits::RateLimiter>(limit, "api", weir::SipKey{1, 2}, bench.now);
    const auto ask = [&] { return bench.plan("GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n"); };
    CHECK_FALSE(ask().refusal);
    CHECK_FALSE(ask().refusal);
    const auto refused = ask();
    CHECK(refused.refusal.reason == FailureReason::rate_limited);
    CHECK(refused.retry_after == std::chrono::minutes(1));
    CHECK(refused.connection == Connection::keep);
    CHECK_FALSE(bench.get("").refusal); // the route's limit only
    bench.now += std::chrono::minutes(1);
    CHECK_FALSE(ask().refusal);
    bench.address = *weir::conf::Address::parse("192.0.2.8:1");
    CHECK_FALSE(ask().refusal);
}

TEST_CASE("a client may have so many requests of a route in progress") {
    Bench bench;
    auto& route = bench.snapshot.routes[0];
    route.config.concurrency_limit = weir::conf::ConcurrencyLimit{2, {}};
    route.concurrency = std::make_shared<limits::ConcurrencyLimiter>(weir::conf::ClientKey{}, weir::SipKey{1, 2});
    weir::conf::RateLimit rate;
    rate.rate = {1, std::chrono::hours(1)};
    rate.burst = 4;
    route.limiter = std::make_shared<limits::RateLimiter>(rate, "api", weir::SipKey{1, 2}, bench.now);
    const auto ask = [&] { return bench.plan("GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n"); };
    auto first = ask();
    const auto second = ask();
    CHECK_FALSE(first.refusal);
    CHECK_FALSE(second.refusal);
    const auto refused = ask();
    CHECK(refused.refusal.reason == FailureReason::concurrency_limited);
    CHECK(refused.retry_after == std::chrono::seconds(1));
    CHECK_FALSE(bench.get("").refusal); // the route's limit only
    first = RequestPlan();
    CHECK_FALSE(ask().refusal);
    CHECK_FALSE(ask().refusal); // the refused request did not count against the rate
    CHECK(ask().refusal.reason == FailureReason::rate_limited);
    route.access = AccessRules(weir::conf::Access{{}, {*weir::conf::Cidr::parse("192.0.2.0/24")}});
    CHECK(ask().refusal.reason == FailureReason::access_denied);
}

TEST_CASE("a route changes the query of a request, but not its path") {
    Bench bench;
    auto& route = bench.snapshot.routes[0];
    route.config.rewrite.emplace().query.remove = {"q"};
    route.rewriter = PathRewriter(*route.config.rewrite, 1);
    route.query_rewriter = QueryRewriter(route.config.rewrite->query);
    const auto check = [&](const std::string& path, std::string_view normal, std::string_view forwarded) {
        INFO(path);
        const auto plan = bench.plan("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK_FALSE(plan.refusal);
        CHECK(plan.normal_path() == normal);
        CHECK(plan.forwarded_path() == forwarded);
        return plan.changed_path == nullptr;
    };
    CHECK(check("/api/x?p", "/api/x?p", "/api/x?p")); // as it was received
    CHECK(check("/api/x", "/api/x", "/api/x"));
    CHECK_FALSE(check("/api/x?q=1", "/api/x?q=1", "/api/x"));
    CHECK_FALSE(check("/api//x?p&%71", "/api/x?p&%71", "/api/x?p"));
    CHECK_FALSE(check("/api//x?p", "/api/x?p", "/api/x?p"));
    CHECK(check("/x?q", "/x?q", "/x?q")); // no route
}

TEST_CASE("a plan says whether weir stores the body before it forwards it") {
    Bench bench;
    const std::string api = "PUT /api/x HTTP/1.1\r\nHost: a\r\n";
    const std::string length = "Content-Length: 1\r\n\r\n", chunks = "Transfer-Encoding: chunked\r\n\r\n";
    CHECK(bench.plan(api + length).delivery == BodyDelivery::streamed);
    bench.snapshot.routes[0].config.buffer_requests = true;
    CHECK(bench.plan(api + length).delivery == BodyDelivery::stored);
    CHECK(bench.plan(api + chunks).delivery == BodyDelivery::stored);
    CHECK(bench.plan(api + "Content-Length: 0\r\n\r\n").delivery == BodyDelivery::streamed);
    CHECK(bench.plan(api + "\r\n").delivery == BodyDelivery::streamed);
    CHECK(bench.post("Content-Length: 1\r\n").delivery == BodyDelivery::streamed); // to another route
}
