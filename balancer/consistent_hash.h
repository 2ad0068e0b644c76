// The same candidate for the same key, as long as it may be chosen; else the next on the ring, so that the keys of one
// that is out spread over all the others and come back with it.
//
// Thread: one worker's thread; the ring is shared by all.
// Lifetime: shares the ring.
#pragma once

#include "balancer/hash_ring.h"

namespace weir::balancer {

class ConsistentHash final : public Algorithm {
public:
    explicit ConsistentHash(std::shared_ptr<const HashRing> ring) : ring_(std::move(ring)) {}

    std::size_t choose(std::span<const Candidate> candidates, const Draw& draw) override;
    void refresh(std::span<const Candidate> candidates) override;

private:
    std::shared_ptr<const HashRing> ring_;
    std::uint32_t most_ramp_ = 100; // of those who may be chosen
};

} // namespace weir::balancer
