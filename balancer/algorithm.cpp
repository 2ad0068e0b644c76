#include "balancer/algorithm.h"

#include "balancer/smooth_round_robin.h"

namespace weir::balancer {

std::unique_ptr<Algorithm> make_algorithm(conf::Algorithm which, std::size_t candidates) {
    switch (which) {
    case conf::Algorithm::round_robin: return std::make_unique<SmoothRoundRobin>(candidates);
    }
    return nullptr;
}

} // namespace weir::balancer
