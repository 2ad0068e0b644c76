// Load-balancing algorithms choose one of several candidates. Each has its own file pair; the factory names them all.
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

// What an algorithm sees of a pool's members, in file order.
struct Candidate {
    std::uint32_t weight = 1;
    bool eligible = true;                  // may be chosen now
    std::uint32_t slow_start_factor = 100; // percent of its weight that it takes now

    std::uint64_t share() const { return eligible ? std::uint64_t{weight} * slow_start_factor : 0; }
};

// The current load of each candidate.
class Loads {
public:
    virtual std::uint64_t of(std::size_t candidate) const = 0;

protected:
    ~Loads() = default;
};

// What a choice may depend on besides the candidates.
struct SelectionContext {
    std::uint64_t key; // hash of what ties a client to a candidate; a random number if nothing does
    Random& random;
    const Loads& loads;
};

class Algorithm {
public:
    virtual ~Algorithm() = default;

    // Returns the index of the chosen candidate. At least one must be eligible.
    virtual std::size_t choose(std::span<const Candidate> candidates, const SelectionContext& draw) = 0;

    // Called if the candidates differ from those of the last choice. Does the work that many choices share.
    virtual void refresh(std::span<const Candidate>) {}

    // Takes over the state of `old`. `origin[i]` is the index that candidate i had there, or -1.
    virtual void adopt(const Algorithm&, std::span<const std::ptrdiff_t>) {}
};

// What an algorithm may know about a candidate in advance: a stable name and the weight.
struct Entry {
    std::string name;
    std::uint32_t weight = 1;
};

// Makes one worker's instance. What the workers share was prepared once, when the maker was made.
using AlgorithmMaker = std::function<std::unique_ptr<Algorithm>()>;
// Returns a maker for an algorithm over `entries`, in the order of the candidates.
AlgorithmMaker prepare_algorithm(conf::Algorithm which, std::span<const Entry> entries);

} // namespace weir::balancer
