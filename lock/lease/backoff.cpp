#include "lock/lease/backoff.h"

#include <algorithm>

namespace weir::lock {

std::chrono::milliseconds backoff(unsigned attempt, double jitter, std::chrono::milliseconds longest) {
    const auto doubled = std::chrono::milliseconds(25u << std::min(attempt - 1, 16u));
    const auto most = static_cast<double>(std::min(doubled, longest).count());
    return std::chrono::milliseconds(static_cast<int>(most * (0.5 + 0.5 * jitter)));
}

} // namespace weir::lock
