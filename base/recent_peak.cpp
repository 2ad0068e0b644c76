#include "base/recent_peak.h"

#include <algorithm>

namespace weir {
namespace {

std::int64_t number_of(RecentPeak::TimePoint now) { return now.time_since_epoch() / RecentPeak::window; }

} // namespace

void RecentPeak::note(std::size_t value, TimePoint now) {
    const auto number = number_of(now);
    auto& slot = windows_[static_cast<std::size_t>(number % total_windows)];
    if (slot.number != number) slot = {number, 0};
    slot.peak = std::max(slot.peak, value);
}

std::size_t RecentPeak::read(TimePoint now) const {
    constexpr auto steps = static_cast<std::size_t>(total_windows - full_windows + 1);
    const auto number = number_of(now);
    std::size_t highest = 0;
    for (const auto& past : windows_) {
        const auto age = number - past.number;
        if (age >= total_windows) continue;
        const auto left = age < full_windows ? steps : static_cast<std::size_t>(total_windows - age);
        highest = std::max(highest, past.peak * left / steps);
    }
    return highest;
}

} // namespace weir
