#include "proxy/http/stall_rule.h"
#include "tests/catch.h"

using namespace weir::proxy::http;
using namespace std::chrono_literals;

namespace {

weir::conf::Timeouts timeouts() {
    weir::conf::Timeouts timeouts;
    timeouts.client_idle = 10s;
    timeouts.response = 20s;
    timeouts.stream_idle = 30s;
    return timeouts;
}

} // namespace

TEST_CASE("the peer that must act next has its own timeout") {
    const auto limits = timeouts();
    StallRule rule(limits);
    CHECK(rule.renew({Due::client, Answer::awaited, 0, 0}) == 10s);
    CHECK(rule.due() == Due::client);
    CHECK(rule.renew({Due::backend, Answer::awaited, 1, 0}) == 20s);
    CHECK(rule.renew({Due::client, Answer::begun, 2, 1}) == 10s);
    CHECK(rule.renew({Due::backend, Answer::begun, 3, 2}) == 30s);
}

TEST_CASE("any byte keeps a backend alive, but a client must move more") {
    const auto limits = timeouts();
    StallRule rule(limits);
    CHECK(rule.renew({Due::backend, Answer::begun, 100, 1}) == 30s);
    CHECK(rule.renew({Due::backend, Answer::begun, 101, 2}) == 30s);
    CHECK(rule.renew({Due::backend, Answer::begun, 102, 2}) == std::nullopt); // only the upload has moved
    CHECK(rule.renew({Due::client, Answer::begun, 103, 2}) == 10s);
    CHECK(rule.renew({Due::client, Answer::begun, 103 + 2047, 2000}) == std::nullopt);
    CHECK(rule.renew({Due::client, Answer::begun, 103 + 2048, 2001}) == 10s);
}

TEST_CASE("a backend that takes the request keeps its deadline away") {
    const auto limits = timeouts();
    StallRule rule(limits);
    CHECK(rule.renew({Due::backend, Answer::awaited, 1, 0}) == 20s);
    CHECK(rule.renew({Due::backend, Answer::awaited, 2, 0}) == 20s);
}

TEST_CASE("a client that reads shows it late, by what it has acknowledged") {
    const auto limits = timeouts();
    StallRule rule(limits);
    CHECK(rule.renew({Due::client, Answer::begun, 1, 1}) == 10s);
    rule.note_unacked(5000);
    CHECK_FALSE(rule.has_read(4000));
    CHECK(rule.has_read(2976));
    CHECK_FALSE(rule.has_read(2976)); // nothing was read since the last call
}
