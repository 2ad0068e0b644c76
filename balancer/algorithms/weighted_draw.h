// Draws candidates by their shares in O(log n).
//
// Thread: one thread at a time.
// Lifetime: keeps no reference.
#pragma once

#include "balancer/algorithms/algorithm.h"

#include <vector>

namespace weir::balancer {

class WeightedDraw {
public:
    void refresh(std::span<const Candidate> candidates);

    // Returns the candidate that owns `point`, which must be below `total`. Each candidate owns as many points as its
    // share.
    std::size_t at(std::uint64_t point) const;
    std::uint64_t total() const { return sums_.empty() ? 0 : sums_.back(); }
    // These functions return the first of a candidate's points, and the point after its last.
    std::uint64_t begin_of(std::size_t candidate) const { return candidate == 0 ? 0 : sums_[candidate - 1]; }
    std::uint64_t end_of(std::size_t candidate) const { return sums_[candidate]; }

private:
    std::vector<std::uint64_t> sums_; // of the shares up to and including each candidate's
};

} // namespace weir::balancer
