// Detects that a backend that should show signs of life regularly has been silent for too long.
//
// Thread: a value; the time is an argument.
// Lifetime: none.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace weir::health {

class Silence {
public:
    using Duration = std::chrono::milliseconds;
    using TimePoint = std::chrono::steady_clock::time_point;

    // Whether a sign of life arrived within the window, or after a longer gap.
    enum class Sign { in_time, after_gap };

    // The backend counts as dead after a silence of `window`, initially counted from `now`.
    Silence(Duration window, TimePoint now) : window_(window), last_(now) {}

    // Records a sign of life.
    Sign hear(TimePoint now);
    // Records that the backend failed. The gap until its next sign of life then says nothing about its pace.
    void interrupt() { slow_in_row_ = 0; }
    // Restarts the window, because no sign of life could arrive for a reason that the backend did not cause.
    void excuse(TimePoint now) { last_ = now, extended_ = false; }

    Duration window() const { return window_; }
    TimePoint deadline() const { return last_ + window_; }

    // Returns whether the deadline has passed. If the caller checks much too late, it was held up itself, and signs of
    // life may be unread. To allow time to read them, the deadline is then set to `now` plus the delay (at most a
    // window), once per silence.
    bool has_passed(TimePoint now);

    // Returns the pace of a backend that is too slow for the window: the longest of the last consecutive gaps that
    // exceeded it, rounded to tenths of a second. The first of them does not count, because it may be an outage. Unset
    // if there are fewer than two.
    std::optional<Duration> slow_pace() const;

private:
    Duration window_;
    TimePoint last_;
    std::uint32_t slow_in_row_ = 0; // consecutive gaps that exceeded the window
    Duration longest_{0};           // the longest of these gaps, from the second on
    bool extended_ = false;         // whether the deadline of this silence has been extended
};

} // namespace weir::health
