#include "proxy/http2/ping_rule.h"

#include "tests/catch.h"

using namespace weir::proxy;
using namespace weir::proxy::http2;
using namespace std::chrono_literals;

namespace {

const TimePoint noon{1h};

} // namespace

TEST_CASE("a backend that answers within 30 seconds is never asked") {
    PingRule rule(noon);
    rule.on_busy(noon);
    for (auto now = noon; now < noon + 10min; now += 29s) {
        CHECK(rule.act(now) == PingAction::none);
        rule.on_bytes(now);
    }
}

TEST_CASE("a silent backend is asked once, and given up if it does not answer") {
    PingRule rule(noon);
    rule.on_busy(noon);
    CHECK(rule.next() == noon + 30s);
    CHECK(rule.act(noon + 29s) == PingAction::none);
    CHECK_FALSE(rule.is_asked());
    CHECK(rule.act(noon + 30s) == PingAction::send);
    CHECK(rule.is_asked());
    CHECK(rule.act(noon + 39s) == PingAction::none);
    CHECK(rule.next() == noon + 40s);
    CHECK(rule.act(noon + 40s) == PingAction::give_up);
}

TEST_CASE("silence counts from when requests began to wait") {
    PingRule rule(noon);
    rule.on_busy(noon + 1h);
    CHECK(rule.act(noon + 1h + 29s) == PingAction::none);
    CHECK(rule.act(noon + 1h + 30s) == PingAction::send);
}

TEST_CASE("PINGs are five minutes apart while no data flows") {
    PingRule rule(noon);
    rule.on_busy(noon);
    REQUIRE(rule.act(noon + 30s) == PingAction::send);
    rule.on_bytes(noon + 31s); // the answer
    CHECK(rule.act(noon + 2min) == PingAction::none);
    CHECK(rule.next() == noon + 30s + 5min);
    CHECK(rule.act(noon + 30s + 5min) == PingAction::send);
}

TEST_CASE("data from the backend allows the next PING after another silence") {
    PingRule rule(noon);
    rule.on_busy(noon);
    REQUIRE(rule.act(noon + 30s) == PingAction::send);
    rule.on_bytes(noon + 31s);
    rule.on_data();
    CHECK(rule.act(noon + 60s) == PingAction::none);
    CHECK(rule.act(noon + 61s) == PingAction::send);
}
