#include "balancer/algorithms/smooth_round_robin.h"

namespace weir::balancer {

std::size_t SmoothRoundRobin::next(std::span<const Candidate> candidates) {
    std::int64_t total = 0;
    std::size_t best = candidates.size();
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        if (!candidates[i].eligible) continue;
        const auto share = static_cast<std::int64_t>(candidates[i].share());
        credit_[i] += share;
        total += share;
        if (best == candidates.size() || credit_[i] > credit_[best]) best = i;
    }
    credit_[best] -= total;
    return best;
}

void SmoothRoundRobin::adopt(const Algorithm& old, std::span<const std::ptrdiff_t> origin) {
    const auto* other = dynamic_cast<const SmoothRoundRobin*>(&old);
    if (!other) return;
    for (std::size_t i = 0; i < credit_.size(); ++i)
        if (origin[i] >= 0) credit_[i] = other->credit_[static_cast<std::size_t>(origin[i])];
}

} // namespace weir::balancer
