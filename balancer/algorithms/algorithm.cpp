#include "balancer/algorithms/algorithm.h"

#include "balancer/algorithms/least_connections.h"
#include "balancer/algorithms/random_choice.h"
#include "balancer/algorithms/rendezvous_hash.h"
#include "balancer/algorithms/smooth_round_robin.h"
#include "balancer/algorithms/two_choices.h"

namespace weir::balancer {

AlgorithmMaker prepare_algorithm(conf::Algorithm which, std::span<const Entry> entries) {
    const auto count = entries.size();
    switch (which) {
    case conf::Algorithm::round_robin: return [count] { return std::make_unique<SmoothRoundRobin>(count); };
    case conf::Algorithm::least_connections: return [count] { return std::make_unique<LeastConnections>(count); };
    case conf::Algorithm::two_choices: return [] { return std::make_unique<TwoChoices>(); };
    case conf::Algorithm::random: return [] { return std::make_unique<RandomChoice>(); };
    case conf::Algorithm::hash:
        return [seeds = RendezvousHash::make_seeds(entries)] { return std::make_unique<RendezvousHash>(seeds); };
    }
    return nullptr;
}

} // namespace weir::balancer
