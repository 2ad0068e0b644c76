// Chooses the candidate with the lowest load for its weight. Ties are broken by smooth weighted round robin, so that an
// idle pool is shared as evenly as a busy one.
//
// A choice looks at every candidate: O(n).
//
// Thread: one worker's thread.
// Lifetime: keeps no reference.
#pragma once

#include "balancer/algorithms/smooth_round_robin.h"

namespace weir::balancer {

class LeastConnections final : public Algorithm {
public:
    explicit LeastConnections(std::size_t candidates) : among_equals_(candidates) {}

    std::size_t choose(std::span<const Candidate> candidates, const SelectionContext& draw) override;
    void adopt(const Algorithm& old, std::span<const std::ptrdiff_t> origin) override;

private:
    SmoothRoundRobin among_equals_;
    std::vector<Candidate> equals_;    // scratch of choose()
    std::vector<std::uint64_t> loads_; // likewise
};

// Returns true if load `a` for `share_a` is less than load `b` for `share_b`. Both shares are above 0.
inline bool is_lighter(std::uint64_t a, std::uint64_t share_a, std::uint64_t b, std::uint64_t share_b) {
    return a * share_b < b * share_a;
}

} // namespace weir::balancer
