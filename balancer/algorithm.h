// How one of several candidates is chosen. One file pair for each algorithm; the factory names them all.
//
// Thread: one worker's thread; each worker has its own. A maker may be called by any.
// Lifetime: keeps no reference to what it is given.
#pragma once

#include "balancer/random.h"
#include "conf/config.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace weir::balancer {

// What an algorithm sees of a pool's members, in the order of the file.
struct Candidate {
    std::uint32_t weight = 1;
    bool eligible = true;     // may be chosen now
    std::uint32_t ramp = 100; // per cent of its weight that it takes now: less while it starts slowly

    std::uint64_t share() const { return eligible ? std::uint64_t{weight} * ramp : 0; }
};

// How much each candidate carries at the moment.
class Loads {
public:
    virtual std::uint64_t of(std::size_t candidate) const = 0;

protected:
    ~Loads() = default;
};

// What a choice may depend on beside the candidates.
struct Draw {
    std::uint64_t key; // hash of what ties a client to a candidate; a random number where nothing does
    Random& random;
    const Loads& loads;
};

class Algorithm {
public:
    virtual ~Algorithm() = default;

    // The index of the chosen candidate. At least one is eligible.
    virtual std::size_t choose(std::span<const Candidate> candidates, const Draw& draw) = 0;

    // The candidates are not the ones of the last choice: work that many choices share is done here.
    virtual void refresh(std::span<const Candidate>) {}

    // Takes over what `old` had learnt. `origin[i]` is the index that the new candidate i had there, or -1.
    virtual void adopt(const Algorithm&, std::span<const std::ptrdiff_t>) {}
};

// What an algorithm may know of a candidate beforehand: a name that stays, and its weight.
struct Entry {
    std::string name;
    std::uint32_t weight = 1;
};

// Makes one worker's instance. What the workers share has been prepared once, when the maker was made.
using AlgorithmMaker = std::function<std::unique_ptr<Algorithm>()>;
AlgorithmMaker prepare_algorithm(conf::Algorithm which, std::span<const Entry> entries);

} // namespace weir::balancer
