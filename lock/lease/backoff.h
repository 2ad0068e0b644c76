// Computes pauses between attempts.
//
// Thread: values; one thread at a time.
// Lifetime: values that hold only numbers.
#pragma once

#include "base/clock.h"

#include <chrono>

namespace weir::lock {

// Returns the pause after the failure of attempt number `attempt` (from 1). Its maximum starts at 25 ms and doubles up
// to `longest`; `jitter` (0 to 1) selects a pause from half of the maximum up to all of it, so that waiting callers do
// not retry in step.
std::chrono::milliseconds backoff(unsigned attempt, double jitter,
                                  std::chrono::milliseconds longest = std::chrono::milliseconds(400));

// Schedules reconnection attempts to a server: immediately after a success, with exponential backoff after failures.
class Reconnect {
public:
    static constexpr std::chrono::milliseconds longest{1000};

    bool may_try(Clock::TimePoint now) const { return now >= not_before_; }
    Clock::TimePoint::duration left(Clock::TimePoint now) const { return not_before_ - now; }
    void failed(Clock::TimePoint now, double jitter) { not_before_ = now + backoff(++failures_, jitter, longest); }
    void succeeded() { *this = {}; }

private:
    unsigned failures_ = 0; // in a row
    Clock::TimePoint not_before_{};
};

} // namespace weir::lock
