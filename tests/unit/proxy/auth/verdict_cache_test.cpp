#include "proxy/auth/verdict_cache.h"
#include "tests/catch.h"

#include <string>

using namespace weir::proxy::auth;
using namespace std::chrono_literals;

TEST_CASE("a verdict holds for its credentials and its hash") {
    VerdictCache cache({1, 2}, {3, 4});
    const auto now = VerdictCache::Time(1h);
    const BasicCredentials ann{"ann", "secret"};
    const std::string hash = "$2b$1";
    const auto right = cache.key_of(ann, hash), wrong = cache.key_of({"ann", "wrong"}, hash);
    CHECK_FALSE(cache.find(right, now));
    cache.remember(right, PasswordVerdict::right, now);
    cache.remember(wrong, PasswordVerdict::wrong, now);
    CHECK(cache.find(right, now) == PasswordVerdict::right);
    CHECK(cache.find(wrong, now) == PasswordVerdict::wrong);
    CHECK_FALSE(cache.find(cache.key_of({"bob", "secret"}, hash), now));
    CHECK_FALSE(cache.find(cache.key_of(ann, "$2b$2"), now)); // the password in the file has changed
    CHECK(cache.find(right, now + 1000h) == PasswordVerdict::right);
    CHECK(cache.find(wrong, now + VerdictCache::lifetime - 1s) == PasswordVerdict::wrong);
    CHECK_FALSE(cache.find(wrong, now + VerdictCache::lifetime));
}

TEST_CASE("a cache that overflows forgets, but never confuses") {
    VerdictCache cache({1, 2}, {3, 4});
    const auto now = VerdictCache::Time(1h);
    const auto key = [&](int i) { return cache.key_of({"u" + std::to_string(i), "p"}, "h"); };
    const auto verdict = [](int i) { return i % 2 ? PasswordVerdict::right : PasswordVerdict::wrong; };
    int known = 0;
    for (int i = 0; i < 40'000; ++i) cache.remember(key(i), verdict(i), now);
    for (int i = 0; i < 40'000; ++i) {
        const auto found = cache.find(key(i), now);
        if (!found) continue;
        ++known;
        REQUIRE(*found == verdict(i));
    }
    CHECK(known > 6000);
    CHECK(known <= 8192);
}

TEST_CASE("guesses displace no password that is right") {
    VerdictCache cache({1, 2}, {3, 4});
    const auto now = VerdictCache::Time(1h);
    const auto right = cache.key_of({"ann", "secret"}, "h");
    cache.remember(right, PasswordVerdict::right, now);
    for (int i = 0; i < 40'000; ++i)
        cache.remember(cache.key_of({"ann", std::to_string(i)}, "h"), PasswordVerdict::wrong, now);
    CHECK(cache.find(right, now) == PasswordVerdict::right);
}
