// The lighter of two candidates drawn at random by weight: nearly as even as looking at all of them, in O(log n), and
// without the herd that runs to whoever looked lightest a moment ago (Mitzenmacher, "The Power of Two Choices").
//
// Thread: one worker's thread.
// Lifetime: keeps no reference.
#pragma once

#include "balancer/weighted_draw.h"

namespace weir::balancer {

class TwoChoices final : public Algorithm {
public:
    std::size_t choose(std::span<const Candidate> candidates, const Draw& draw) override;
    void refresh(std::span<const Candidate> candidates) override { draw_.refresh(candidates); }

private:
    WeightedDraw draw_;
};

} // namespace weir::balancer
