#include "balancer/hash_ring.h"

#include "balancer/stable_hash.h"

#include <algorithm>
#include <numeric>

namespace weir::balancer {

HashRing::HashRing(std::span<const Entry> entries) {
    std::uint64_t divisor = 0, sum = 0;
    for (const auto& entry : entries) divisor = std::gcd(divisor, std::uint64_t{entry.weight}), sum += entry.weight;
    if (sum == 0) return;
    // Very uneven weights in a large pool would fill the memory: they share what there is.
    const auto points = std::min(sum / divisor * points_of_a_unit, most_points);
    points_.reserve(points + entries.size());
    for (std::uint32_t e = 0; e < entries.size(); ++e) {
        const auto seed = stable_hash(entries[e].name);
        const auto own = std::max<std::uint64_t>(points * entries[e].weight / sum, 1);
        for (std::uint64_t i = 0; i < own; ++i)
            points_.push_back({static_cast<std::uint32_t>(mix(seed + i * 0x9e3779b97f4a7c15) >> 32), e});
    }
    // Two entries at one place: names decide, not positions in a file.
    std::sort(points_.begin(), points_.end(), [&](const Point& a, const Point& b) {
        return a.at != b.at ? a.at < b.at : a.entry != b.entry && entries[a.entry].name < entries[b.entry].name;
    });
}

std::size_t HashRing::find(std::uint64_t key) const {
    const auto at = static_cast<std::uint32_t>(mix(key) >> 32);
    const auto it =
        std::lower_bound(points_.begin(), points_.end(), at, [](const Point& p, std::uint32_t x) { return p.at < x; });
    return it == points_.end() ? 0 : static_cast<std::size_t>(it - points_.begin());
}

} // namespace weir::balancer
