// A timer of the clock that belongs to an io_context (clock.h). Everything that waits on the control thread uses it.
//
//   Timer timer(control);
//   timer.expires_after(std::chrono::seconds(5));
//   if (co_await timer.wait() == WaitEnd::cancelled) …
//
// Thread: the context's.
// Lifetime: a wait that is under way when the timer is destroyed ends with WaitEnd::cancelled.
#pragma once

#include "base/clock.h"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <utility>

namespace weir {

class Timer {
public:
    using TimePoint = Clock::TimePoint;

    // The timer never expires until its time is set.
    explicit Timer(const boost::asio::any_io_executor& executor)
        : clock_(clock_of(executor)), timer_(clock_.make_timer(executor)) {}
    explicit Timer(boost::asio::io_context& context) : Timer(context.get_executor()) {}

    TimePoint now() const { return clock_.now(); }
    // These functions set the expiry time and cancel all waits for the old one.
    void expires_at(TimePoint time) { timer_->expires_at(time); }
    void expires_after(Clock::TimePoint::duration time) { timer_->expires_at(now() + time); }
    TimePoint expiry() const { return timer_->expiry(); }
    bool is_over() const { return expiry() <= now(); }
    void cancel() { timer_->cancel(); }

    // These functions wait until the timer expires or is cancelled. Several waits may be pending at a time.
    boost::asio::awaitable<WaitEnd> wait() { return timer_->wait(); }
    void wait(std::function<void(WaitEnd)> done) { timer_->wait(std::move(done)); }

private:
    Clock& clock_;
    std::unique_ptr<ClockTimer> timer_;
};

// Waits for `time` by the clock of the coroutine's own context.
boost::asio::awaitable<void> sleep_for(Clock::TimePoint::duration time);

} // namespace weir
