#include "proxy/io/event_loop.h"
#include "proxy/worker/handshake_limit.h"
#include "tests/catch.h"

#include <optional>

using weir::proxy::EventLoop;
using weir::proxy::HandshakeLimit;
using weir::proxy::TimePoint;
using weir::proxy::Waiter;

namespace {

TimePoint round_of_events(int number) { return TimePoint(std::chrono::milliseconds(number)); }

struct Handshakes {
    EventLoop loop;
    HandshakeLimit limit;
    Waiter fiber;
};

struct Handshake : HandshakeLimit::Turn {
    explicit Handshake(Handshakes& all) : Turn(all.limit, all.fiber, all.loop) {}
};

} // namespace

TEST_CASE("a round of events computes at most two steps of handshakes") {
    Handshakes all;
    Handshake one(all), two(all), three(all);
    CHECK(one.try_begin(round_of_events(1)));
    CHECK(two.try_begin(round_of_events(1)));
    CHECK_FALSE(three.try_begin(round_of_events(1)));
    CHECK_FALSE(one.try_begin(round_of_events(1)));
    CHECK(three.try_begin(round_of_events(2)));
}

TEST_CASE("a handshake that waits is not overtaken by a later one") {
    Handshakes all;
    Handshake one(all), two(all), waiting(all), newcomer(all);
    CHECK(one.try_begin(round_of_events(1)));
    CHECK(two.try_begin(round_of_events(1)));
    CHECK_FALSE(waiting.try_begin(round_of_events(1)));
    CHECK_FALSE(newcomer.try_begin(round_of_events(2)));
    CHECK(waiting.try_begin(round_of_events(2)));
    CHECK(newcomer.try_begin(round_of_events(2)));
}

TEST_CASE("waiting handshakes are called in their order, two in a round") {
    Handshakes all;
    Handshake one(all), two(all), first(all), second(all), third(all), fourth(all);
    CHECK(one.try_begin(round_of_events(1)));
    CHECK(two.try_begin(round_of_events(1)));
    for (auto* waiting : {&first, &second, &third, &fourth}) CHECK_FALSE(waiting->try_begin(round_of_events(1)));
    CHECK_FALSE(fourth.try_begin(round_of_events(2)));
    CHECK(second.try_begin(round_of_events(2)));
    CHECK(first.try_begin(round_of_events(2)));
    CHECK_FALSE(third.try_begin(round_of_events(2)));
    CHECK(third.try_begin(round_of_events(3)));
    CHECK(fourth.try_begin(round_of_events(3)));
}

TEST_CASE("an abandoned handshake does not keep others waiting") {
    Handshakes all;
    Handshake one(all), two(all), next(all);
    std::optional<Handshake> gone(all), also_gone(all);
    CHECK(one.try_begin(round_of_events(1)));
    CHECK(two.try_begin(round_of_events(1)));
    CHECK_FALSE(gone->try_begin(round_of_events(1)));
    CHECK_FALSE(also_gone->try_begin(round_of_events(1)));
    CHECK_FALSE(next.try_begin(round_of_events(1)));
    also_gone.reset();
    gone.reset();
    CHECK(next.try_begin(round_of_events(2)));
}
