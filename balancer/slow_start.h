// How much of its weight a backend takes while it starts slowly: from 10 % to all of it, in a straight line.
//
// Thread: pure function.
// Lifetime: none.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace weir::balancer {

inline constexpr std::uint32_t first_ramp = 10; // per cent

// `since` it came back; `whole` is how long it takes, 0 for no slow start.
constexpr std::uint32_t ramp_at(std::chrono::steady_clock::duration since, std::chrono::milliseconds whole) {
    if (whole.count() <= 0 || since >= whole) return 100;
    const auto part = std::max(since, std::chrono::steady_clock::duration::zero()).count() * 90 /
                      std::chrono::steady_clock::duration(whole).count();
    return first_ramp + static_cast<std::uint32_t>(part);
}

} // namespace weir::balancer
