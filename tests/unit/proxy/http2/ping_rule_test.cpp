#include "proxy/http2/ping_rule.h"

#include "tests/catch.h"

using namespace weir::proxy;
using namespace weir::proxy::http2;
using namespace std::chrono_literals;

namespace {

const TimePoint start{1h};

} // namespace

TEST_CASE("a backend that answers within 30 seconds is never asked") {
    PingRule rule(start);
    rule.on_busy(start);
    for (auto now = start; now < start + 10min; now += 29s) {
        CHECK(rule.act(now) == PingAction::none);
        rule.on_bytes(now);
    }
}

TEST_CASE("a silent backend is asked once, and given up if it does not answer") {
    PingRule rule(start);
    rule.on_busy(start);
    CHECK(rule.next() == start + 30s);
    CHECK(rule.act(start + 29s) == PingAction::none);
    CHECK(rule.act(start + 30s) == PingAction::send);
    CHECK(rule.act(start + 39s) == PingAction::none);
    CHECK(rule.next() == start + 40s);
    CHECK(rule.act(start + 40s) == PingAction::give_up);
}

TEST_CASE("silence counts from when requests began to wait") {
    PingRule rule(start);
    rule.on_busy(start + 1h);
    CHECK(rule.act(start + 1h + 29s) == PingAction::none);
    CHECK(rule.act(start + 1h + 30s) == PingAction::send);
}

TEST_CASE("PINGs are five minutes apart while no data flows") {
    PingRule rule(start);
    rule.on_busy(start);
    REQUIRE(rule.act(start + 30s) == PingAction::send);
    rule.on_bytes(start + 31s); // the answer
    CHECK(rule.act(start + 2min) == PingAction::none);
    CHECK(rule.next() == start + 30s + 5min);
    CHECK(rule.act(start + 30s + 5min) == PingAction::send);
}

TEST_CASE("data from the backend allows the next PING after another silence") {
    PingRule rule(start);
    rule.on_busy(start);
    REQUIRE(rule.act(start + 30s) == PingAction::send);
    rule.on_bytes(start + 31s);
    rule.on_data();
    CHECK(rule.act(start + 60s) == PingAction::none);
    CHECK(rule.act(start + 61s) == PingAction::send);
}
