#include "proxy/auth/password_cache.h"
#include "tests/catch.h"

#include <string>

using namespace weir::proxy::auth;
using namespace std::chrono_literals;

TEST_CASE("a result holds for its credentials and its hash") {
    PasswordCache cache({1, 2}, {3, 4});
    const auto now = PasswordCache::Time(1h);
    const BasicCredentials ann{"ann", "secret"};
    const std::string hash = "$2b$1";
    const auto right = cache.key_of(ann, hash), wrong = cache.key_of({"ann", "wrong"}, hash);
    CHECK_FALSE(cache.find(right, now));
    cache.remember(right, PasswordResult::valid, now);
    cache.remember(wrong, PasswordResult::invalid, now);
    CHECK(cache.find(right, now) == PasswordResult::valid);
    CHECK(cache.find(wrong, now) == PasswordResult::invalid);
    CHECK_FALSE(cache.find(cache.key_of({"bob", "secret"}, hash), now));
    CHECK_FALSE(cache.find(cache.key_of(ann, "$2b$2"), now)); // the password in the file has changed
    CHECK(cache.find(right, now + 1000h) == PasswordResult::valid);
    CHECK(cache.find(wrong, now + PasswordCache::lifetime - 1s) == PasswordResult::invalid);
    CHECK_FALSE(cache.find(wrong, now + PasswordCache::lifetime));
}

TEST_CASE("a cache that overflows forgets, but never confuses") {
    PasswordCache cache({1, 2}, {3, 4});
    const auto now = PasswordCache::Time(1h);
    const auto key = [&](int i) { return cache.key_of({"u" + std::to_string(i), "p"}, "h"); };
    const auto result = [](int i) { return i % 2 ? PasswordResult::valid : PasswordResult::invalid; };
    int known = 0;
    for (int i = 0; i < 40'000; ++i) cache.remember(key(i), result(i), now);
    for (int i = 0; i < 40'000; ++i) {
        const auto found = cache.find(key(i), now);
        if (!found) continue;
        ++known;
        REQUIRE(*found == result(i));
    }
    CHECK(known > 6000);
    CHECK(known <= 8192);
}

TEST_CASE("guesses displace no password that is right") {
    PasswordCache cache({1, 2}, {3, 4});
    const auto now = PasswordCache::Time(1h);
    const auto right = cache.key_of({"ann", "secret"}, "h");
    cache.remember(right, PasswordResult::valid, now);
    for (int i = 0; i < 40'000; ++i)
        cache.remember(cache.key_of({"ann", std::to_string(i)}, "h"), PasswordResult::invalid, now);
    CHECK(cache.find(right, now) == PasswordResult::valid);
}
