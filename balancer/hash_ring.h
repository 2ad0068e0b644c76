// A ring on which every entry has many points; a key belongs to the entry whose point comes next. An entry that joins
// takes its share of the keys from all the others, and no key moves between those; one that leaves gives its own away.
//
// The points of an entry depend on its name and number alone, and their count on its weight (over the greatest common
// divisor of all the weights). 512 points for a unit of weight keep a share within about 4 % of its due.
//
// Thread: immutable once built; building is O(p log p) in the points, for the control thread.
// Lifetime: owns what it holds.
#pragma once

#include "balancer/algorithm.h"

#include <vector>

namespace weir::balancer {

class HashRing {
public:
    static constexpr std::uint64_t points_of_a_unit = 512, most_points = 1u << 20;

    explicit HashRing(std::span<const Entry> entries);

    // Calls `take(entry)` for each point from the key's on, until it returns true or every point has been seen. O(log
    // p) to find the first.
    template <class Take> void walk(std::uint64_t key, const Take& take) const {
        const auto first = find(key);
        for (std::size_t i = 0; i < points_.size(); ++i) {
            const auto at = first + i;
            if (take(points_[at < points_.size() ? at : at - points_.size()].entry)) return;
        }
    }

private:
    struct Point {
        std::uint32_t at, entry;
    };

    std::size_t find(std::uint64_t key) const;

    std::vector<Point> points_; // by their place
};

} // namespace weir::balancer
