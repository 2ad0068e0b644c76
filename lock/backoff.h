// How long to pause before what failed is tried again.
//
// Thread: values; one at a time.
// Lifetime: keep only numbers.
#pragma once

#include <chrono>

namespace weir::lock {

// The pause before attempt number `attempt` (from 1): it doubles from 25 ms, up to `longest`; half of it is drawn by
// `dice` (0 to 1), so that those who wait do not come in step.
std::chrono::milliseconds backoff(unsigned attempt, double dice,
                                  std::chrono::milliseconds longest = std::chrono::milliseconds(400));

// When a server that could not be reached is asked again: at once after a success, later and later after failures.
class Reconnect {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::milliseconds longest{1000};

    bool may_try(Clock::time_point now) const { return now >= not_before_; }
    Clock::duration left(Clock::time_point now) const { return not_before_ - now; }
    void failed(Clock::time_point now, double dice) { not_before_ = now + backoff(++failures_, dice, longest); }
    void succeeded() { *this = {}; }

private:
    unsigned failures_ = 0; // in a row
    Clock::time_point not_before_{};
};

} // namespace weir::lock
