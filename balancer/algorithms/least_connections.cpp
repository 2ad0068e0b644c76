#include "balancer/algorithms/least_connections.h"

namespace weir::balancer {

std::size_t LeastConnections::choose(std::span<const Candidate> candidates, const SelectionContext& draw) {
    equals_.assign(candidates.begin(), candidates.end());
    loads_.resize(candidates.size());
    std::uint64_t least = 0, least_share = 0;
    for (std::size_t i = 0; i < equals_.size(); ++i) {
        const auto share = equals_[i].share();
        if (share == 0) continue;
        loads_[i] = draw.loads.of(i); // read only once, because other workers may change it between two reads
        if (least_share == 0 || is_lighter(loads_[i], share, least, least_share))
            least = loads_[i], least_share = share;
    }
    for (std::size_t i = 0; i < equals_.size(); ++i)
        if (const auto share = equals_[i].share(); share > 0 && is_lighter(least, least_share, loads_[i], share))
            equals_[i].eligible = false;
    return among_equals_.next(equals_);
}

void LeastConnections::adopt(const Algorithm& old, std::span<const std::ptrdiff_t> origin) {
    if (const auto* other = dynamic_cast<const LeastConnections*>(&old))
        among_equals_.adopt(other->among_equals_, origin);
}

} // namespace weir::balancer
