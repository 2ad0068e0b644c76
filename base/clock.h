// An interface to the current time and to timers, so that code that waits can be tested without waiting.
//
// Every io_context has a clock. It is the system's clock, unless a test installs another one before anything runs
// there:
//
//   ManualClock clock;            // belongs to a test
//   install_clock(control, clock);
//
// Classes of the control plane get an io_context or an executor from their caller, and the clock with it: they read
// `clock_of(context)` and wait with a Timer (timer.h). The data path has a clock of its own (proxy/io/event_loop.h).
//
// Thread: any, if the clock is the system's.
// Lifetime: a clock outlives all timers of the contexts that it is installed in.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution_context.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace weir {

enum class WaitEnd { expired, cancelled };

// One timer of a clock, as the clock implements it. Use it through Timer.
class ClockTimer {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    virtual ~ClockTimer() = default;
    // Sets the expiry time and cancels all waits for the old one.
    virtual void expires_at(TimePoint time) = 0;
    virtual TimePoint expiry() const = 0;
    virtual void cancel() = 0;
    virtual boost::asio::awaitable<WaitEnd> wait() = 0;
    virtual void wait(std::function<void(WaitEnd)> done) = 0;
};

class Clock {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using WallTime = std::chrono::system_clock::time_point;

    virtual ~Clock() = default;
    // Returns the time to measure durations with. It never goes back.
    virtual TimePoint now() const = 0;
    // Returns the date and time. It jumps when the machine's clock is set.
    virtual WallTime wall_now() const = 0;
    // Returns a timer that does not expire until its time is set. Its waits complete on `executor`.
    virtual std::unique_ptr<ClockTimer> make_timer(const boost::asio::any_io_executor& executor) = 0;
};

// Returns the clock of a context.
Clock& clock_of(boost::asio::execution_context& context);
Clock& clock_of(const boost::asio::any_io_executor& executor);

// Replaces the clock of a context. No timer may have been created on the context before.
void install_clock(boost::asio::execution_context& context, Clock& clock);

} // namespace weir
