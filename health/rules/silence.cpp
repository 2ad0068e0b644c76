#include "health/rules/silence.h"

#include <algorithm>
#include <utility>

namespace weir::health {
namespace {

constexpr std::chrono::milliseconds punctual(100); // a timer may be this late on a busy machine

} // namespace

Silence::Sign Silence::hear(TimePoint now) {
    const auto gap = std::chrono::duration_cast<Duration>(now - last_);
    excuse(now);
    if (gap <= window_) {
        slow_in_row_ = 0;
        return Sign::in_time;
    }
    longest_ = slow_in_row_ == 1 ? gap : std::max(gap, longest_); // the first gap may be an outage
    ++slow_in_row_;
    return Sign::after_gap;
}

bool Silence::has_passed(TimePoint now) {
    if (now < deadline()) return false;
    const auto late = now - deadline();
    if (late <= punctual || std::exchange(extended_, true)) return true;
    last_ = now - window_ + std::min<TimePoint::duration>(late, window_);
    return false;
}

std::optional<Silence::Duration> Silence::slow_pace() const {
    if (slow_in_row_ < 2) return std::nullopt;
    return std::chrono::round<std::chrono::duration<std::int64_t, std::deci>>(longest_);
}

} // namespace weir::health
