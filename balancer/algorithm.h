// How one of several candidates is chosen. One file pair for each algorithm; the factory names them all.
//
// Thread: one worker's thread; each worker has its own.
// Lifetime: keeps no reference to what it is given.
#pragma once

#include "conf/config.h"

#include <cstdint>
#include <memory>
#include <span>

namespace weir::balancer {

// What an algorithm sees of a pool's members, in the order of the file.
struct Candidate {
    std::uint32_t weight = 1;
    bool eligible = true; // may be chosen now
};

class Algorithm {
public:
    virtual ~Algorithm() = default;

    // The index of the chosen candidate. At least one is eligible.
    virtual std::size_t choose(std::span<const Candidate> candidates) = 0;

    // Takes over what `old` had learnt. `origin[i]` is the index that the new candidate i had there, or -1.
    virtual void adopt(const Algorithm& old, std::span<const std::ptrdiff_t> origin) = 0;
};

std::unique_ptr<Algorithm> make_algorithm(conf::Algorithm which, std::size_t candidates);

} // namespace weir::balancer
