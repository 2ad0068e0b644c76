#include "proxy/io/event_loop.h"
#include "proxy/worker/open_handshakes.h"
#include "tests/catch.h"

#include <deque>
#include <optional>

using weir::proxy::EventLoop;
using weir::proxy::OpenHandshakes;
using weir::proxy::Waiter;

namespace {

struct OpenOnes {
    EventLoop loop;
    Waiter fiber;
    OpenHandshakes all;

    void make_room(std::size_t max) { all.make_room(max, loop); }
};

struct OpenOne : OpenHandshakes::Handshake {
    explicit OpenOne(OpenOnes& ones) : Handshake(ones.all, ones.fiber) {}
};

} // namespace

TEST_CASE("the oldest handshake that waits makes room for another") {
    OpenOnes ones;
    OpenOne one(ones), two(ones), three(ones);
    three.begin_wait();
    two.begin_wait();
    ones.make_room(4);
    CHECK_FALSE(two.is_displaced());
    ones.make_room(3);
    CHECK_FALSE(one.is_displaced()); // it does not wait for its client
    CHECK(two.is_displaced());
    CHECK_FALSE(three.is_displaced());
}

TEST_CASE("a handshake does not grow younger by what its client sends") {
    OpenOnes ones;
    OpenOne one(ones), two(ones);
    one.begin_wait();
    two.begin_wait();
    one.end_wait();
    one.begin_wait();
    ones.make_room(2);
    CHECK(one.is_displaced());
    CHECK_FALSE(two.is_displaced());
}

TEST_CASE("handshakes that do not wait for their clients stay") {
    OpenOnes ones;
    OpenOne one(ones);
    ones.make_room(1);
    CHECK_FALSE(one.is_displaced());
}

TEST_CASE("a lower limit on handshakes is reached gradually") {
    OpenOnes ones;
    std::deque<OpenOne> many;
    for (int i = 0; i < 10; ++i) many.emplace_back(ones).begin_wait();
    ones.make_room(4);
    CHECK(many[1].is_displaced());
    CHECK_FALSE(many[2].is_displaced());
    ones.make_room(8); // 8 are open: two make room for one more
    CHECK(many[2].is_displaced());
    CHECK_FALSE(many[3].is_displaced());
}

TEST_CASE("a handshake that has ended leaves its place") {
    OpenOnes ones;
    std::optional<OpenOne> one, two;
    one.emplace(ones);
    two.emplace(ones);
    OpenOne three(ones);
    one->begin_wait();
    two->begin_wait();
    three.begin_wait();
    two.reset();
    ones.make_room(3);
    CHECK_FALSE(one->is_displaced());
    ones.make_room(2);
    CHECK(one->is_displaced());
    one.reset();
    ones.make_room(2);
    CHECK_FALSE(three.is_displaced());
    ones.make_room(1);
    CHECK(three.is_displaced());
}
