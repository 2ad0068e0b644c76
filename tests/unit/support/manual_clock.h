// A clock that stands still until a test moves it, so that tests of what waits take no time.
//
//   boost::asio::io_context control;
//   ManualClock clock(control);
//   … start what is tested …
//   clock.run_for(std::chrono::minutes(5));   // everything that is due within 5 minutes happens, in its order
//
// Thread: the io_context's, which only `run_for` and `settle` run.
// Lifetime: timers may outlive it, as those of coroutines that the io_context destroys, but not be used then.
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

    // Runs what can run now, until everything waits for the clock.
    void settle();
    // Lets this much time pass. Timers expire in the order of their times, and what follows from each one happens
    // before the next one expires.
    void run_for(TimePoint::duration time);
    // Lets time pass until the condition has held, if only between two handlers; ten minutes at most. Then everything
    // that can run has run. Returns whether it held. What other threads do is waited for, in real time, as long as
    // nothing is due here.
    bool run_until(const std::function<bool()>& condition);
    // The same, except that it waits, in real time, for what other threads and processes do, half a minute at most; no
    // time passes on this clock.
    bool wait_for(const std::function<bool()>& condition);
    // Lets time pass as if the process had been suspended: what was due in between happens at the next run.
    void suspend_for(TimePoint::duration time) { move_to(now_ + time); }
    // Returns whether anything waits for a time to come.
    bool is_awaited() const;
    // Sets the date, as an administrator does: durations do not change.
    void set_wall(WallTime time) { wall_ = time; }

private:
    friend class ManualTimer;

    bool settles_with(const std::function<bool()>& condition); // whether it held at any moment of it
    ManualTimer* next_due(TimePoint end);
    void move_to(TimePoint time);

    boost::asio::io_context& context_;
    TimePoint now_{std::chrono::hours(1000)};
    WallTime wall_{std::chrono::sys_days(std::chrono::year(2030) / 1 / 1)};
    std::vector<ManualTimer*> timers_;
};

} // namespace weir::test
