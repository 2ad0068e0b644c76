#include "proxy/limits/rate_limiter.h"
#include "tests/catch.h"

#include <string>

using namespace weir;
using namespace std::chrono_literals;
using weir::proxy::limits::RateLimiter;
using weir::proxy::limits::RateTable;

namespace {

const auto now = RateTable::Time(1h);

conf::RateLimit limit(const std::string& rate, std::uint32_t burst = 0) {
    conf::RateLimit limit;
    limit.rate = conf::parse_rate(rate).value();
    limit.burst = burst;
    return limit;
}

conf::Address address(const std::string& text) { return conf::Address::parse(text).value(); }

template <class Client> int accepted(RateLimiter& limiter, const Client& client, int requests = 100) {
    int count = 0;
    for (int i = 0; i < requests; ++i) count += limiter.take(client, now).accepted;
    return count;
}

} // namespace

TEST_CASE("the burst is the requests of a second, unless it is set") {
    for (const auto& [rate, burst] : {std::pair{"10/s", 10}, {"1/s", 1}, {"90/m", 1}, {"600/m", 10}, {"1/d", 1}}) {
        INFO(rate);
        RateLimiter limiter(limit(rate), "api", {1, 2}, now);
        CHECK(accepted(limiter, address("192.0.2.1:1")) == burst);
    }
    RateLimiter limiter(limit("1/h", 7), "api", {1, 2}, now);
    CHECK(accepted(limiter, address("192.0.2.1:1")) == 7);
}

TEST_CASE("clients are IPv4 addresses, /64 networks, and texts") {
    RateLimiter limiter(limit("1/h", 2), "api", {1, 2}, now);
    CHECK(accepted(limiter, address("192.0.2.1:1")) == 2);
    CHECK(accepted(limiter, address("192.0.2.1:2")) == 0); // the port does not count
    CHECK(accepted(limiter, address("192.0.2.2:1")) == 2);
    CHECK(accepted(limiter, address("[::ffff:192.0.2.2]:1")) == 0); // the same client
    CHECK(accepted(limiter, address("[::ffff:192.0.2.3]:1")) == 2);
    CHECK(accepted(limiter, address("[2001:db8::1]:1")) == 2);
    CHECK(accepted(limiter, address("[2001:db8::ffff:1]:1")) == 0);
    CHECK(accepted(limiter, address("[2001:db8:0:1::1]:1")) == 2);
    CHECK(accepted(limiter, conf::Address()) == 2); // unknown clients share a limit
    CHECK(accepted(limiter, conf::Address()) == 0);
    CHECK(accepted(limiter, std::string_view("key")) == 2);
    CHECK(accepted(limiter, std::string_view("other")) == 2);
    CHECK(accepted(limiter, std::string_view("\xc0\x00\x02\x01", 4)) == 2); // a text is not an address
}

TEST_CASE("a refused client is told its limit") {
    const RateLimiter limiter(limit("10/s", 25), "say \"hi\"", {1, 2}, now);
    CHECK(limiter.policy_field() == "\"say \\\"hi\\\"\";q=25;w=3");
    CHECK(RateLimiter(limit("1/d", 1'000'000), "", {1, 2}, now).policy_field() == "\"\";q=1000000;w=86400000000");
    CHECK(limiter.limit_field(2s) == "\"say \\\"hi\\\"\";r=0;t=2");
}

TEST_CASE("rates are read and written in the same form") {
    for (const char* text : {"1/s", "100/s", "20/m", "1000000/h", "5/d"}) {
        REQUIRE(conf::parse_rate(text));
        CHECK(conf::format(conf::parse_rate(text).value()) == text);
    }
    for (const char* text : {"", "1", "/s", "0/s", "1/ms", "1 /s", "1/S", "01/s", "1000001/s", "-1/s", "1/s/s", "1/"})
        CHECK_FALSE(conf::parse_rate(text));
}
