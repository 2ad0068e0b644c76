#include "health/schedule.h"

#include <algorithm>

namespace weir::health {
namespace {

constexpr Milliseconds soon(1000);

Milliseconds scaled(Milliseconds span, double by) {
    return Milliseconds(static_cast<Milliseconds::rep>(static_cast<double>(span.count()) * by));
}

} // namespace

Milliseconds first_delay(Milliseconds interval, double dice) { return scaled(std::min(interval, soon), dice); }

Milliseconds next_delay(Milliseconds interval, double dice) {
    return std::max(scaled(interval, 0.9 + 0.1 * dice), Milliseconds(1));
}

} // namespace weir::health
