// The slow-start factor: the share of its weight that a backend gets. It grows linearly from 10 % to 100 %.
//
// Thread: pure function.
// Lifetime: none.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace weir::balancer {

inline constexpr std::uint32_t first_slow_start_factor = 10; // percent

// Returns the factor in percent. `since` is the time since slow start began; `whole` is the duration of slow start, 0
// for none.
constexpr std::uint32_t ramp_at(std::chrono::steady_clock::duration since, std::chrono::milliseconds whole) {
    if (whole.count() <= 0 || since >= whole) return 100;
    const auto part = std::max(since, std::chrono::steady_clock::duration::zero()).count() * 90 /
                      std::chrono::steady_clock::duration(whole).count();
    return first_slow_start_factor + static_cast<std::uint32_t>(part);
}

} // namespace weir::balancer
