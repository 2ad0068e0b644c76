#include "balancer/algorithms/weighted_draw.h"

#include <algorithm>

namespace weir::balancer {

void WeightedDraw::refresh(std::span<const Candidate> candidates) {
    sums_.clear();
    std::uint64_t sum = 0;
    for (const auto& candidate : candidates) sums_.push_back(sum += candidate.share());
}

std::size_t WeightedDraw::at(std::uint64_t point) const {
    return static_cast<std::size_t>(std::upper_bound(sums_.begin(), sums_.end(), point) - sums_.begin());
}

} // namespace weir::balancer
