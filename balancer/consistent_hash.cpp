#include "balancer/consistent_hash.h"

#include "balancer/stable_hash.h"

namespace weir::balancer {

std::size_t ConsistentHash::choose(std::span<const Candidate> candidates, const Draw& draw) {
    std::size_t chosen = candidates.size(), second = candidates.size();
    // One that starts slowly takes some of its keys first, always the same ones, and more and more of them.
    const auto patience = mix(draw.key ^ 0x5851f42d4c957f2d) % 100;
    ring_->walk(draw.key, [&](std::size_t entry) {
        const auto& candidate = candidates[entry];
        if (!candidate.eligible) return false;
        if (second == candidates.size()) second = entry;
        if (patience >= candidate.ramp) return false;
        chosen = entry;
        return true;
    });
    return chosen == candidates.size() ? second : chosen; // all of them start slowly: as if none did
}

} // namespace weir::balancer
