// Whole exchanges of a route with forward_auth, over sockets in memory.
#include "tests/catch.h"
#include "tests/unit/support/memory_site.h"

#include <string>

using namespace weir;
using namespace std::chrono_literals;

namespace {

const std::string allowed = "HTTP/1.1 200 OK\r\nX-User: ann\r\nContent-Length: 2\r\n\r\nok";
const std::string denied = "HTTP/1.1 403 No\r\nContent-Length: 4\r\n\r\nstop";
const std::string served = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere";

conf::Config guarded(conf::OnUnavailable on_unavailable) {
    conf::Config config;
    config.logging.access.output = "none";
    for (const std::string name : {"web", "auth"}) {
        conf::Pool pool;
        pool.name = name;
        pool.backends.push_back({name, *conf::Address::parse(name == "web" ? "10.0.0.1:80" : "10.0.0.2:80")});
        config.pools.push_back(pool);
    }
    conf::Route route;
    route.name = "all";
    route.pool = "web";
    route.forward_auth = conf::ForwardAuth{"auth", "/verify", {"X-User"}, 1s, on_unavailable};
    config.routes.push_back(route);
    config.listeners.push_back({"web", *conf::Address::parse("10.0.0.9:80"), conf::Protocol::http, "web"});
    return config;
}

class GuardedSite : public memory_io::MemorySite {
public:
    explicit GuardedSite(conf::OnUnavailable on_unavailable = conf::OnUnavailable::refuse)
        : MemorySite(guarded(on_unavailable)) {}

    void request(const std::string& fields = {}) { say(client(), "GET /in HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"); }
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

} // namespace

TEST_CASE("a backend gets a request only when the service has allowed it") {
    GuardedSite site;
    site.request("X-User: root\r\nX_User: root\r\n");
    REQUIRE(GuardedSite::connections() == 1);
    CHECK(GuardedSite::backend(0).sent.starts_with("GET /verify HTTP/1.1\r\nHost: a\r\n"));
    for (const char byte : allowed) {
        CHECK(GuardedSite::connections() == 1);
        site.say(GuardedSite::backend(0), std::string(1, byte));
    }
    REQUIRE(GuardedSite::connections() == 2);
    CHECK(contains(GuardedSite::backend(1).sent, "\r\nX-User: ann\r\n"));
    CHECK_FALSE(contains(GuardedSite::backend(1).sent, "root"));
    site.say(GuardedSite::backend(1), served);
    CHECK(site.client().sent.ends_with("here"));
}

TEST_CASE("a denial reaches the client in whatever pieces it takes") {
    GuardedSite site;
    site.request();
    site.client().window = 7;
    site.say(GuardedSite::backend(0), denied);
    for (int i = 0; i < 40; ++i) {
        memory_io::widen(site.client(), 7);
        site.run();
    }
    CHECK(site.client().sent.starts_with("HTTP/1.1 403 No\r\n"));
    CHECK(site.client().sent.ends_with("\r\n\r\nstop"));
    CHECK(GuardedSite::connections() == 1);
}

TEST_CASE("the service's connection is used again, and replaced if it has died") {
    GuardedSite site;
    site.request();
    site.say(GuardedSite::backend(0), denied);
    site.request();
    REQUIRE(GuardedSite::connections() == 1);
    memory_io::end(GuardedSite::backend(0)); // after the request has been sent
    site.run();
    REQUIRE(GuardedSite::connections() == 2);
    site.say(GuardedSite::backend(1), "HTTP/1.1 100 Continue\r\n\r\n" + denied);
    CHECK(site.client().sent.ends_with("stop"));
    CHECK_FALSE(contains(site.client().sent, "503"));
}

TEST_CASE("a service that is silent for too long is unavailable") {
    GuardedSite site;
    site.request();
    site.run(2s);
    CHECK(site.client().sent.starts_with("HTTP/1.1 503 "));
    CHECK(GuardedSite::backend(0).closed);
}

TEST_CASE("an unavailable service can be passed over") {
    GuardedSite site(conf::OnUnavailable::proceed);
    site.request("X-User: root\r\n");
    memory_io::reset(GuardedSite::backend(0));
    site.run();
    REQUIRE(GuardedSite::connections() == 2);
    CHECK(GuardedSite::backend(1).sent.starts_with("GET /in HTTP/1.1\r\n"));
    CHECK_FALSE(contains(GuardedSite::backend(1).sent, "root"));
}

TEST_CASE("a permission holds even if the rest of its body is late") {
    GuardedSite site;
    site.request();
    site.say(GuardedSite::backend(0), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
    CHECK(GuardedSite::connections() == 1);
    site.run(2s);
    CHECK(GuardedSite::connections() == 2);
    CHECK(GuardedSite::backend(0).closed);
}

TEST_CASE("a client that leaves ends the request to the service") {
    GuardedSite site;
    site.request();
    memory_io::end(site.client());
    site.run();
    CHECK(GuardedSite::backend(0).closed);
    CHECK(site.client().sent.empty());
}

TEST_CASE("bytes behind the service's response end its connection") {
    GuardedSite site;
    site.request();
    site.say(GuardedSite::backend(0), denied + "HTTP/1.1 200 OK\r\n\r\n");
    CHECK(site.client().sent.ends_with("stop"));
    CHECK(GuardedSite::backend(0).closed);
}
