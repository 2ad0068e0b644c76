#include "proxy/io/event_loop.h"
#include "proxy/io/task.h"
#include "proxy/worker/open_handshakes.h"
#include "tests/catch.h"

#include <optional>

using weir::proxy::EventLoop;
using weir::proxy::OpenHandshakes;
using weir::proxy::Waiter;
using Handshake = OpenHandshakes::Handshake;

TEST_CASE("the oldest handshake that waits makes room for another") {
    EventLoop loop;
    Waiter fiber;
    OpenHandshakes all;
    Handshake one(all, fiber), two(all, fiber);
    two.begin_wait();
    one.begin_wait();
    CHECK(all.make_room(3, loop));
    CHECK_FALSE(one.is_displaced());
    CHECK(all.make_room(2, loop));
    CHECK(one.is_displaced());
    CHECK_FALSE(two.is_displaced());
    CHECK(all.size() == 1);
}

TEST_CASE("a handshake does not grow younger by what its client sends") {
    EventLoop loop;
    Waiter fiber;
    OpenHandshakes all;
    Handshake one(all, fiber), two(all, fiber);
    one.begin_wait();
    two.begin_wait();
    one.end_wait();
    one.begin_wait();
    CHECK(all.make_room(2, loop));
    CHECK(one.is_displaced());
    CHECK_FALSE(two.is_displaced());
}

TEST_CASE("handshakes that do not wait for their clients stay") {
    EventLoop loop;
    Waiter fiber;
    OpenHandshakes all;
    Handshake one(all, fiber);
    CHECK_FALSE(all.make_room(1, loop));
    CHECK_FALSE(one.is_displaced());
}

TEST_CASE("a handshake that has ended leaves its place") {
    EventLoop loop;
    Waiter fiber;
    OpenHandshakes all;
    std::optional<Handshake> one(std::in_place, all, fiber), two(std::in_place, all, fiber);
    Handshake three(all, fiber);
    one->begin_wait();
    two->begin_wait();
    three.begin_wait();
    two.reset();
    CHECK(all.size() == 2);
    CHECK(all.make_room(2, loop));
    CHECK(one->is_displaced());
    one.reset();
    CHECK(all.size() == 1);
    CHECK(all.make_room(1, loop));
    CHECK(three.is_displaced());
    CHECK(all.size() == 0);
}
