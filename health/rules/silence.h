// Detects when a backend that should report regularly has been silent for too long.
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
    // Records that the backend was out of order: a gap that ends after this says nothing about its pace.
    void interrupt() { slow_in_row_ = 0; }
    // Restarts the window, because no sign of life could arrive for a reason that is not the backend's.
    void excuse(TimePoint now) { last_ = now, extended_ = false; }

    Duration window() const { return window_; }
    TimePoint deadline() const { return last_ + window_; }

    // Returns whether the deadline has passed. If the caller checks much too late, it was held up itself, and signs of
    // life may be unread: once per silence the deadline is extended by the delay, at most by a window, so that they can
    // be read.
    bool has_passed(TimePoint now);

    // Returns the longest of the last gaps if each of the last two exceeded the window.
    std::optional<Duration> slow_pace() const;

private:
    Duration window_;
    TimePoint last_;
    std::uint32_t slow_in_row_ = 0; // consecutive gaps that exceeded the window
    Duration longest_{0};           // the longest of these gaps
    bool extended_ = false;         // whether the deadline of this silence has been extended
};

} // namespace weir::health
