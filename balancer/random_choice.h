// Any candidate, by weight: workers and machines that know nothing of each other never fall into step. O(log n).
//
// Thread: one worker's thread.
// Lifetime: keeps no reference.
#pragma once

#include "balancer/weighted_draw.h"

namespace weir::balancer {

class RandomChoice final : public Algorithm {
public:
    std::size_t choose(std::span<const Candidate> candidates, const Draw& draw) override;
    void refresh(std::span<const Candidate> candidates) override { draw_.refresh(candidates); }

private:
    WeightedDraw draw_;
};

} // namespace weir::balancer
