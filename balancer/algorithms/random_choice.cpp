#include "balancer/algorithms/random_choice.h"

namespace weir::balancer {

std::size_t RandomChoice::choose(std::span<const Candidate>, const SelectionContext& draw) {
    return draw_.at(draw.random.below(draw_.total()));
}

} // namespace weir::balancer
