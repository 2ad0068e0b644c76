#include "balancer/algorithms/two_choices.h"

#include "balancer/algorithms/least_connections.h"

namespace weir::balancer {

std::size_t TwoChoices::choose(std::span<const Candidate> candidates, const SelectionContext& draw) {
    const auto first = draw_.at(draw.random.below(draw_.total()));
    const auto share = candidates[first].share();
    const auto others = draw_.total() - share;
    if (others == 0) return first;
    auto point = draw.random.below(others); // any point except those of the first candidate
    if (point >= draw_.begin_of(first)) point += share;
    const auto second = draw_.at(point);
    const bool lighter = is_lighter(draw.loads.of(second), candidates[second].share(), draw.loads.of(first), share);
    return lighter ? second : first;
}

} // namespace weir::balancer
