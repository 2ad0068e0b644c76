// Chooses a random candidate by weight, so that independent workers and machines never fall into step. A choice takes
// O(log n).
//
// Thread: one worker's thread.
// Lifetime: keeps no reference.
#pragma once

#include "balancer/algorithms/weighted_draw.h"

namespace weir::balancer {

class RandomChoice final : public Algorithm {
public:
    std::size_t choose(std::span<const Candidate> candidates, const SelectionContext& draw) override;
    void refresh(std::span<const Candidate> candidates) override { draw_.refresh(candidates); }

private:
    WeightedDraw draw_;
};

} // namespace weir::balancer
