#include "health/schedule.h"

#include <algorithm>

namespace weir::health {
namespace {

constexpr Milliseconds soon(1000);
constexpr double mean_gap = 0.95; // between two probes, in intervals

Milliseconds scaled(Milliseconds span, double by) {
    return Milliseconds(static_cast<Milliseconds::rep>(static_cast<double>(span.count()) * by));
}

} // namespace

Milliseconds first_delay(Milliseconds interval, double dice) { return scaled(std::min(interval, soon), dice); }

Milliseconds second_delay(Milliseconds interval, double dice) {
    if (scaled(interval, mean_gap) <= soon) return next_delay(interval, 0, 0);
    return std::max(scaled(scaled(interval, mean_gap) - soon, dice), Milliseconds(1));
}

Milliseconds next_delay(Milliseconds interval, double before, double dice) {
    return std::max(scaled(interval, mean_gap + 0.05 * (dice - before)), Milliseconds(1));
}

} // namespace weir::health
