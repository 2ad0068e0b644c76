// Smooth weighted round robin: in any run of requests as long as the sum of the weights, each candidate gets exactly as
// many requests as its weight, and its turns are spread out (weights 5, 1, 1 give a a b a c a a).
//
// Each choice adds every eligible candidate's share to its credit, takes the candidate with the most credit, and
// subtracts the sum of the shares from it. A candidate that is not eligible keeps its credit.
//
// Thread: one worker's thread.
// Lifetime: keeps no reference.
#pragma once

#include "balancer/algorithms/algorithm.h"

#include <vector>

namespace weir::balancer {

class SmoothRoundRobin final : public Algorithm {
public:
    explicit SmoothRoundRobin(std::size_t candidates) : credit_(candidates, 0) {}

    std::size_t choose(std::span<const Candidate> candidates, const SelectionContext&) override {
        return next(candidates);
    }
    // Returns the index of the next candidate. At least one must be eligible.
    std::size_t next(std::span<const Candidate> candidates);
    void adopt(const Algorithm& old, std::span<const std::ptrdiff_t> origin) override;

private:
    std::vector<std::int64_t> credit_;
};

} // namespace weir::balancer
