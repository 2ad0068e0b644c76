// Weighted rendezvous hashing (highest random weight): each key ranks the candidates in its own order and goes to the
// first eligible one.
//
// A candidate's rank depends only on its name, its weight and the key, so no key moves between two unchanged
// candidates. A candidate that joins, leaves or changes its weight gains or loses only the keys that its share grows or
// shrinks by. While a candidate is out of service, its keys are spread over the others by weight; they return when it
// does. During slow start, it gets more and more of its keys and keeps them. docs/adr/0029 compares this with a hash
// ring.
//
// A choice looks at every candidate: O(n), a few nanoseconds each.
//
// Thread: one worker's thread; the seeds are immutable and shared by all workers.
// Lifetime: shares the seeds.
#pragma once

#include "balancer/algorithms/algorithm.h"

#include <vector>

namespace weir::balancer {

class RendezvousHash final : public Algorithm {
public:
    // One seed for each candidate, in the pool's order.
    using Seeds = std::shared_ptr<const std::vector<std::uint64_t>>;

    // Derives the seeds from the names. The same name has the same seed on every machine and in every version.
    static Seeds make_seeds(std::span<const Entry> entries);

    explicit RendezvousHash(Seeds seeds) : seeds_(std::move(seeds)) {}

    std::size_t choose(std::span<const Candidate> candidates, const SelectionContext& draw) override;

private:
    Seeds seeds_;
};

} // namespace weir::balancer
