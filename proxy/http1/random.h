// Random numbers of one worker, for decisions that need not be secret.
//
// Thread: one worker's thread.
// Lifetime: a value.
#pragma once

#include <random>

namespace weir::proxy::http {

using Random = std::mt19937_64;

// Returns a generator that starts like no other one.
inline Random make_random() {
    std::random_device device;
    std::seed_seq seeds{device(), device(), device(), device(), device(), device(), device(), device()};
    return Random(seeds);
}

} // namespace weir::proxy::http
