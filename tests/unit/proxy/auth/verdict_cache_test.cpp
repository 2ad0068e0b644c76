#include "proxy/auth/verdict_cache.h"
#include "tests/catch.h"

#include <string>

using namespace weir::proxy::auth;
using namespace std::chrono_literals;

TEST_CASE("a verdict holds for its credentials, its hash and its lifetime") {
    VerdictCache cache({1, 2}, {3, 4});
    const auto now = VerdictCache::Time(1h);
    const BasicCredentials ann{"ann", "secret"}, other_user{"bob", "secret"}, other_password{"ann", "wrong"};
    const std::string hash = "$2b$1", changed = "$2b$2";
    CHECK_FALSE(cache.find({ann, hash}, now));
    cache.remember({ann, hash}, PasswordVerdict::right, now);
    cache.remember({other_password, hash}, PasswordVerdict::wrong, now);
    CHECK(cache.find({ann, hash}, now) == PasswordVerdict::right);
    CHECK(cache.find({other_password, hash}, now) == PasswordVerdict::wrong);
    CHECK_FALSE(cache.find({other_user, hash}, now));
    CHECK_FALSE(cache.find({ann, changed}, now)); // the password in the file has changed
    CHECK(cache.find({ann, hash}, now + VerdictCache::lifetime - 1s) == PasswordVerdict::right);
    CHECK_FALSE(cache.find({ann, hash}, now + VerdictCache::lifetime));
}

TEST_CASE("a cache that overflows forgets, but never confuses") {
    VerdictCache cache({1, 2}, {3, 4});
    const auto now = VerdictCache::Time(1h);
    int known = 0;
    for (int i = 0; i < 20'000; ++i)
        cache.remember({{"u" + std::to_string(i), "p"}, "h"}, i % 2 ? PasswordVerdict::right : PasswordVerdict::wrong,
                       now);
    for (int i = 0; i < 20'000; ++i) {
        const auto verdict = cache.find({{"u" + std::to_string(i), "p"}, "h"}, now);
        if (!verdict) continue;
        ++known;
        REQUIRE(*verdict == (i % 2 ? PasswordVerdict::right : PasswordVerdict::wrong));
    }
    CHECK(known > 3000);
    CHECK(known <= 4096);
}
