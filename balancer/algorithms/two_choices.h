// Draws two candidates at random by weight and chooses the less loaded one (Mitzenmacher, "The Power of Two Choices").
// The result is nearly as even as if all were compared, but a choice takes only O(log n), and the workers do not all
// rush to the least loaded candidate.
//
// Thread: one worker's thread.
// Lifetime: keeps no reference.
#pragma once

#include "balancer/algorithms/weighted_draw.h"

namespace weir::balancer {

class TwoChoices final : public Algorithm {
public:
    std::size_t choose(std::span<const Candidate> candidates, const SelectionContext& draw) override;
    void refresh(std::span<const Candidate> candidates) override { draw_.refresh(candidates); }

private:
    WeightedDraw draw_;
};

} // namespace weir::balancer
