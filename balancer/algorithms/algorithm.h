// Load-balancing algorithms, which choose one of several candidates. Each has its own pair of files;
// prepare_algorithm() lists them all.
//
// Thread: one worker's thread; each worker has its own. Any thread may call a maker.
// Lifetime: keeps no reference to its arguments.
#pragma once

#include "balancer/algorithms/random.h"
#include "conf/model/config.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace weir::balancer {

// A member of a pool as an algorithm sees it. Candidates are in the order of the configuration file.
struct Candidate {
    std::uint32_t weight = 1;
    bool eligible = true;                  // may be chosen now
    std::uint32_t slow_start_factor = 100; // percentage of its weight that it gets now

    std::uint64_t share() const { return eligible ? std::uint64_t{weight} * slow_start_factor : 0; }
};

// The current load of each candidate.
class Loads {
public:
    virtual std::uint64_t of(std::size_t candidate) const = 0;

protected:
    ~Loads() = default;
};

// The inputs of a choice besides the candidates.
struct SelectionContext {
    std::uint64_t key; // hash of the request's `hash` key; a random number if it has none
    Random& random;
    const Loads& loads;
};

class Algorithm {
public:
    virtual ~Algorithm() = default;

    // Returns the index of the chosen candidate. At least one must be eligible.
    virtual std::size_t choose(std::span<const Candidate> candidates, const SelectionContext& draw) = 0;

    // Called when the candidates differ from those of the last choice. Does the work that many choices share.
    virtual void refresh(std::span<const Candidate>) {}

    // Takes over the state of another algorithm. `origin[i]` is the index that candidate i had there, or -1 if it is
    // new.
    virtual void adopt(const Algorithm&, std::span<const std::ptrdiff_t>) {}
};

// The constant properties of a candidate: a stable name and the weight.
struct Entry {
    std::string name;
    std::uint32_t weight = 1;
};

// Creates one worker's instance. prepare_algorithm() has already prepared what the workers share.
using AlgorithmMaker = std::function<std::unique_ptr<Algorithm>()>;
// Returns a maker for an algorithm over `entries`, in the order of the candidates.
AlgorithmMaker prepare_algorithm(conf::Algorithm which, std::span<const Entry> entries);

} // namespace weir::balancer
