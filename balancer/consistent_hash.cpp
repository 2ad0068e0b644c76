#include "balancer/consistent_hash.h"

#include "balancer/stable_hash.h"

#include <algorithm>

namespace weir::balancer {

void ConsistentHash::refresh(std::span<const Candidate> candidates) {
    most_ramp_ = 1;
    for (const auto& candidate : candidates)
        if (candidate.eligible) most_ramp_ = std::max(most_ramp_, candidate.ramp);
}

std::size_t ConsistentHash::choose(std::span<const Candidate> candidates, const Draw& draw) {
    std::size_t chosen = 0;
    // One that starts slowly takes some of its keys first, always the same ones, and more and more of them. Where all
    // do, it is as if none did.
    const auto patience = mix(draw.key ^ 0x5851f42d4c957f2d) % most_ramp_;
    ring_->walk(draw.key, [&](std::size_t entry) {
        if (!candidates[entry].eligible || patience >= candidates[entry].ramp) return false;
        chosen = entry;
        return true;
    });
    return chosen;
}

} // namespace weir::balancer
