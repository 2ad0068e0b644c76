#include "balancer/least_connections.h"

namespace weir::balancer {

std::size_t LeastConnections::choose(std::span<const Candidate> candidates, const Draw& draw) {
    equals_.assign(candidates.begin(), candidates.end());
    std::uint64_t least = 0, least_share = 0;
    for (std::size_t i = 0; i < equals_.size(); ++i) {
        const auto share = equals_[i].share();
        if (share == 0) continue;
        const auto load = draw.loads.of(i);
        if (least_share > 0 && is_lighter(least, least_share, load, share)) {
            equals_[i].eligible = false;
            continue;
        }
        if (least_share > 0 && is_lighter(load, share, least, least_share))
            for (std::size_t k = 0; k < i; ++k) equals_[k].eligible = false;
        least = load, least_share = share;
    }
    return among_equals_.next(equals_);
}

void LeastConnections::adopt(const Algorithm& old, std::span<const std::ptrdiff_t> origin) {
    if (const auto* other = dynamic_cast<const LeastConnections*>(&old))
        among_equals_.adopt(other->among_equals_, origin);
}

} // namespace weir::balancer
