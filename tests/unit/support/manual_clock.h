// A clock that moves only when a test moves it, so that tests of code that waits take no time.
//
//   boost::asio::io_context control;
//   ManualClock clock(control);
//   … start what is tested …
//   clock.run_for(std::chrono::minutes(5));   // everything that is due within 5 minutes happens, in order
//
// Thread: the io_context's, which only `run_for` and `settle` run.
// Lifetime: timers may outlive it (the io_context may destroy coroutines late), but must not be used any more.
#pragma once

#include "base/clock.h"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <vector>

namespace weir::test {

class ManualTimer;

class ManualClock final : public Clock {
public:
    explicit ManualClock(boost::asio::io_context& context);
    ~ManualClock() override;

    TimePoint now() const override { return now_; }
    WallTime wall_now() const override { return wall_; }
    std::unique_ptr<ClockTimer> make_timer(const boost::asio::any_io_executor& executor) override;

    // Runs everything that can run now, until all work waits for the clock.
    void settle();
    // Lets this much time pass. Timers expire in the order of their times, and everything that follows from a timer
    // happens before the next one expires.
    void run_for(TimePoint::duration time);
    // Lets time pass, ten minutes at most, until the condition has held, even if only between two handlers. Then runs
    // everything that can run. Returns whether the condition held. While other threads are busy or no timer is due, it
    // waits in real time, half a minute at most.
    bool run_until(const std::function<bool()>& condition);
    // The same, except that no time passes on this clock: it only waits for other threads and processes in real time,
    // half a minute at most.
    bool wait_for(const std::function<bool()>& condition);
    // Lets time pass as if the process had been suspended: timers that came due expire in the next run.
    void suspend_for(TimePoint::duration time) { move_to(now_ + time); }
    // Returns whether a timer waits for a future time.
    bool is_awaited() const;
    // Sets the wall clock, as an administrator does; durations do not change.
    void set_wall(WallTime time) { wall_ = time; }

private:
    friend class ManualTimer;

    bool settles_with(const std::function<bool()>& condition); // returns whether it held at any moment
    ManualTimer* next_due(TimePoint end);
    void move_to(TimePoint time);

    boost::asio::io_context& context_;
    TimePoint now_{std::chrono::hours(1000)};
    WallTime wall_{std::chrono::sys_days(std::chrono::year(2030) / 1 / 1)};
    std::vector<ManualTimer*> timers_;
};

} // namespace weir::test
