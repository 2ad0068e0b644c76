#include "health/rules/schedule.h"

#include <algorithm>

namespace weir::health {
namespace {

constexpr Milliseconds soon(1000);
constexpr double mean_gap = 0.95; // the mean time between two probes, in intervals

Milliseconds scaled(Milliseconds span, double by) {
    return Milliseconds(static_cast<Milliseconds::rep>(static_cast<double>(span.count()) * by));
}

} // namespace

Milliseconds first_delay(Milliseconds interval, double jitter) { return scaled(std::min(interval, soon), jitter); }

Milliseconds second_delay(Milliseconds interval, double jitter) {
    if (scaled(interval, mean_gap) <= soon) return next_delay(interval, 0, 0);
    return std::max(scaled(scaled(interval, mean_gap) - soon, jitter), Milliseconds(1));
}

Milliseconds next_delay(Milliseconds interval, double before, double jitter) {
    return std::max(scaled(interval, mean_gap + 0.05 * (jitter - before)), Milliseconds(1));
}

Milliseconds heartbeat_delay(Milliseconds interval, double jitter) {
    return std::max(scaled(interval, 0.95 + 0.1 * jitter), Milliseconds(1));
}

Milliseconds spread_delay(Milliseconds interval, double phase) {
    const auto whole = interval - std::min(interval, soon);
    return std::max(interval + scaled(whole, (phase - 0.5) / spread_steps), Milliseconds(1));
}

} // namespace weir::health
