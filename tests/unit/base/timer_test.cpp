#include "base/timer.h"

#include "base/event.h"
#include "tests/catch.h"
#include "tests/unit/support/manual_clock.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <optional>

using namespace std::chrono_literals;
using weir::Event;
using weir::sleep_for;
using weir::Timer;
using weir::WaitEnd;
using weir::test::ManualClock;

namespace asio = boost::asio;

namespace {

asio::awaitable<void> keep_end(Timer& timer, std::optional<WaitEnd>& end) { end = co_await timer.wait(); }

// Checks what a timer must do on every clock; `pass` lets 30 ms pass on the clock of `context`.
template <class Pass> void check_timer(asio::io_context& context, const Pass& pass) {
    Timer timer(context);
    std::optional<WaitEnd> first, second;
    std::optional<WaitEnd> called;
    timer.expires_after(20ms);
    asio::co_spawn(context, keep_end(timer, first), asio::detached);
    timer.wait([&](WaitEnd end) { called = end; });
    CHECK(!timer.is_over());
    pass();
    CHECK(first == WaitEnd::expired);
    CHECK(called == WaitEnd::expired);
    CHECK(timer.is_over());
    asio::co_spawn(context, keep_end(timer, second), asio::detached); // the timer has already expired
    pass();
    CHECK(second == WaitEnd::expired);

    first.reset();
    called.reset();
    timer.expires_after(1h);
    asio::co_spawn(context, keep_end(timer, first), asio::detached);
    timer.wait([&](WaitEnd end) { called = end; });
    pass();
    CHECK((!first && !called));
    timer.expires_after(20ms); // cancels the waits for the old time
    pass();
    CHECK(first == WaitEnd::cancelled);
    CHECK(called == WaitEnd::cancelled);

    first.reset();
    {
        Timer gone(context);
        gone.expires_after(1h);
        asio::co_spawn(context, keep_end(gone, first), asio::detached);
        pass();
    }
    pass();
    CHECK(first == WaitEnd::cancelled);
}

} // namespace

TEST_CASE("a timer on the system clock can be set again and cancelled") {
    asio::io_context context;
    check_timer(context, [&] {
        context.restart();
        const auto end = std::chrono::steady_clock::now() + 30ms;
        while (std::chrono::steady_clock::now() < end) context.run_for(end - std::chrono::steady_clock::now());
    });
}

TEST_CASE("a timer of a manual clock does the same, and takes no time") {
    asio::io_context context;
    ManualClock clock(context);
    check_timer(context, [&] { clock.run_for(30ms); });
}

TEST_CASE("what waits on a manual clock happens in the order of its times") {
    asio::io_context context;
    ManualClock clock(context);
    std::string order;
    const auto note = [&](std::chrono::hours after, char name) -> asio::awaitable<void> {
        co_await sleep_for(after);
        order += name;
        co_await sleep_for(2h);
        order += static_cast<char>(name - 'a' + 'A');
    };
    const auto began = clock.wall_now();
    asio::co_spawn(context, note(3h, 'c'), asio::detached);
    asio::co_spawn(context, note(2h, 'b'), asio::detached);
    clock.run_for(10h);
    CHECK(order == "bcBC");
    CHECK(clock.wall_now() - began == 10h);
}

TEST_CASE("an event wakes all who wait for it, and none who come later") {
    asio::io_context context;
    ManualClock clock(context);
    Event event(context);
    int woken = 0;
    const auto wait = [&]() -> asio::awaitable<void> {
        co_await event.wait();
        ++woken;
    };
    event.notify_all();
    asio::co_spawn(context, wait(), asio::detached);
    asio::co_spawn(context, wait(), asio::detached);
    clock.settle();
    CHECK(woken == 0);
    event.notify_all();
    clock.settle();
    CHECK(woken == 2);
}
