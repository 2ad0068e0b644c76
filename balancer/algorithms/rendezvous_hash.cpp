#include "balancer/algorithms/rendezvous_hash.h"

#include "balancer/algorithms/stable_hash.h"

#include <cmath>
#include <limits>

namespace weir::balancer {
namespace {

// Returns a number above 0 and below 1 that depends on all bits of the key and the seed.
double uniform(std::uint64_t key, std::uint64_t seed) {
    return (static_cast<double>(mix(key ^ seed) >> 11) + 0.5) * 0x1p-53;
}

} // namespace

RendezvousHash::Seeds RendezvousHash::make_seeds(std::span<const Entry> entries) {
    auto seeds = std::make_shared<std::vector<std::uint64_t>>();
    seeds->reserve(entries.size());
    for (const auto& entry : entries) seeds->push_back(stable_hash(entry.name));
    return seeds;
}

// The times -ln(u) / share are exponentially distributed with the share as their rate, so each candidate comes first
// with a probability in proportion to its share.
std::size_t RendezvousHash::choose(std::span<const Candidate> candidates, const SelectionContext& draw) {
    std::size_t first = 0;
    double earliest = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        const auto share = static_cast<double>(candidates[i].share());
        if (share == 0) continue;
        const double u = uniform(draw.key, (*seeds_)[i]);
        // -ln(u) is at least 1 - u: most candidates are ruled out without a logarithm.
        if (1 - u >= earliest * share) continue;
        if (const double time = -std::log(u) / share; time < earliest) earliest = time, first = i;
    }
    return first;
}

} // namespace weir::balancer
