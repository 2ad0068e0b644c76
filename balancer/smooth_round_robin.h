// Smooth weighted round robin: over any run of requests as long as the sum of the weights, each candidate gets exactly
// its weight, and its turns are spread out (weights 5, 1, 1 give a a b a c a a).
//
// Each choice adds every eligible candidate's share to its credit, takes the one with the most, and subtracts the sum
// from it. A candidate that is out keeps its credit and goes on from there.
//
// Thread: one worker's thread.
// Lifetime: keeps no reference.
#pragma once

#include "balancer/algorithm.h"

#include <vector>

namespace weir::balancer {

class SmoothRoundRobin final : public Algorithm {
public:
    explicit SmoothRoundRobin(std::size_t candidates) : credit_(candidates, 0) {}

    std::size_t choose(std::span<const Candidate> candidates, const Draw&) override { return next(candidates); }
    std::size_t next(std::span<const Candidate> candidates);
    void adopt(const Algorithm& old, std::span<const std::ptrdiff_t> origin) override;

private:
    std::vector<std::int64_t> credit_;
};

} // namespace weir::balancer
