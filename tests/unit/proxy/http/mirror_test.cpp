// Whole exchanges of a route with a mirror, over sockets in memory.
#include "tests/catch.h"
#include "tests/unit/support/memory_site.h"

#include <cerrno>
#include <string>

using namespace weir;
using namespace std::chrono_literals;

namespace {

const std::string here = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere";

conf::Config mirrored() {
    conf::Config config;
    config.logging.access.output = "none";
    for (const std::string name : {"web", "shadow"}) {
        conf::Pool pool;
        pool.name = name;
        pool.backends.push_back({name, *conf::Address::parse(name == "web" ? "10.0.0.1:80" : "10.0.0.2:80")});
        config.pools.push_back(pool);
    }
    conf::Route route;
    route.name = "all";
    route.pool = "web";
    route.mirror = conf::Mirror{"shadow", {100}, {16}};
    config.routes.push_back(route);
    config.listeners.push_back({"web", *conf::Address::parse("10.0.0.9:80"), conf::Protocol::http, "web"});
    return config;
}

class MirroredSite : public memory_io::MemorySite {
public:
    MirroredSite() : MemorySite(mirrored()) {}

    std::uint64_t failed() const { return worker.counters.mirrors_failed.read(); }
};

} // namespace

TEST_CASE("a copy goes out behind the request, and its response nowhere") {
    MirroredSite site;
    site.say(site.client(), "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(MirroredSite::connections() == 2);
    CHECK(MirroredSite::backend(0).sent == MirroredSite::backend(1).sent);
    site.say(MirroredSite::backend(1), "HTTP/1.1 404 No\r\nContent-Length: 6\r\n\r\nshadow");
    CHECK(site.client().sent.empty());
    site.say(MirroredSite::backend(0), here);
    CHECK(site.client().sent.ends_with("here"));
    site.say(site.client(), "GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(MirroredSite::connections() == 2); // both are used again
    CHECK(site.failed() == 0);
}

TEST_CASE("a body is copied once it is whole, in whatever pieces it comes") {
    MirroredSite site;
    const std::string request = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    const std::string body = "4\r\nsome\r\n5\r\n text\r\n0\r\n\r\n";
    for (const char byte : request + body) {
        CHECK(MirroredSite::connections() < 2);
        site.say(site.client(), std::string(1, byte));
    }
    REQUIRE(MirroredSite::connections() == 2);
    CHECK(MirroredSite::backend(1).sent.ends_with("\r\nContent-Length: 9\r\n\r\nsome text"));
}

TEST_CASE("a copy that takes long outlives its client and ends on time") {
    MirroredSite site;
    site.say(site.client(), "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    site.say(MirroredSite::backend(0), here);
    memory_io::end(site.client());
    site.run();
    CHECK_FALSE(MirroredSite::backend(1).closed);
    site.run(64s);
    CHECK(MirroredSite::backend(1).closed);
    CHECK(site.failed() == 1);
}

TEST_CASE("ending all copies closes their connections and counts no failures") {
    MirroredSite site;
    site.say(site.client(), "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    site.worker.mirrors.abort_all();
    CHECK(MirroredSite::backend(1).closed);
    CHECK_FALSE(MirroredSite::backend(0).closed);
    CHECK(site.failed() == 0);
}

TEST_CASE("a copy gives up at once if there is no descriptor for it") {
    MirroredSite site;
    site.say(site.client(), "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(MirroredSite::connections() == 2);
    site.say(MirroredSite::backend(0), here);
    memory_io::reset(MirroredSite::backend(1));
    site.run();
    CHECK(site.failed() == 1);
    memory_io::fail_connects(EMFILE);
    site.say(site.client(), "GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(site.failed() == 2);
    CHECK_FALSE(MirroredSite::backend(0).closed);
    site.say(MirroredSite::backend(0), here);
    CHECK_FALSE(MirroredSite::backend(0).closed); // it is kept
}

TEST_CASE("a response in tiny chunks is read in turns, and its framing counts") {
    MirroredSite site;
    site.say(site.client(), "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(MirroredSite::connections() == 2);
    auto& shadow = MirroredSite::backend(1);
    site.say(shadow, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    std::string chunks;
    while (chunks.size() < 130'000) chunks += "1\r\nx\r\n";
    memory_io::arrive(shadow, chunks);
    CHECK_FALSE(shadow.closed); // it waits for its next turn
    CHECK(shadow.read < shadow.arriving.size());
    site.run();
    CHECK(shadow.closed);
    CHECK(site.failed() == 0);
}

TEST_CASE("a flood from a mirror backend is cut off") {
    MirroredSite site;
    site.say(site.client(), "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    REQUIRE(MirroredSite::connections() == 2);
    site.say(MirroredSite::backend(1), "HTTP/1.1 200 OK\r\n\r\n" + std::string(300'000, 'x'));
    CHECK(MirroredSite::backend(1).closed);
    site.say(MirroredSite::backend(0), here);
    CHECK(site.client().sent.ends_with("here"));
}
