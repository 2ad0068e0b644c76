#include "balancer/stickiness.h"
#include "tests/catch.h"

using namespace weir::balancer;

TEST_CASE("a sticky cookie is read as it was written") {
    const StickyCookie cookie{sticky_mark("web", "web1"), 0x6f1a2b3c};
    CHECK(cookie.text().size() == 25);
    const auto read = StickyCookie::parse(cookie.text());
    REQUIRE(read);
    CHECK(read->mark == cookie.mark);
    CHECK(read->issued == cookie.issued);
    CHECK(cookie.text().find("web") == std::string::npos); // the cookie is opaque
}

TEST_CASE("cookie values differ by backend and pool, not by machine") {
    CHECK(sticky_mark("web", "a") != sticky_mark("web", "b"));
    CHECK(sticky_mark("web", "a") != sticky_mark("api", "a"));
    CHECK(sticky_mark("a", "b") != sticky_mark("b", "a"));
    CHECK(sticky_mark("web", "web1") == 0xd91416acccc877ed);
}

TEST_CASE("what is not a sticky cookie of weir's is ignored") {
    for (const auto* text : {"", "-", "0123456789abcdef", "0123456789abcdef-0123456", "0123456789abcdef-012345678",
                             "0123456789ABCDEF-01234567", "0123456789abcdeg-01234567", "0123456789abcdef+01234567",
                             "0123456789abcdef-0123456g"})
        CHECK_FALSE(StickyCookie::parse(text));
}

TEST_CASE("a cookie is renewed when half of its time is over") {
    const StickyCookie cookie{1, 1000};
    CHECK_FALSE(is_stale(cookie, 1000, std::chrono::seconds(60)));
    CHECK_FALSE(is_stale(cookie, 1029, std::chrono::seconds(60)));
    CHECK(is_stale(cookie, 1030, std::chrono::seconds(60)));
    CHECK_FALSE(is_stale(cookie, 1, std::chrono::seconds(60))); // the clock was turned back
    CHECK_FALSE(is_stale(cookie, 99999, std::chrono::seconds(0)));
}
