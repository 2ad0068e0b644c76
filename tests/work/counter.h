// Counts work: one step for each basic block that instrumented code enters (-fsanitize-coverage=trace-pc), and one for
// each `bytes_per_step` bytes that the C library searches, compares or copies for it. The result does not depend on the
// machine or on its load.
//
// Thread: each thread counts its own steps.
// Lifetime: static.
#pragma once

#include <cstdint>

namespace weir::work {

inline constexpr std::uint64_t bytes_per_step = 16;

// Returns the steps of this thread so far.
std::uint64_t steps();

// Returns the steps that `work` takes.
template <class Work> std::uint64_t steps_of(const Work& work) {
    const auto before = steps();
    work();
    return steps() - before;
}

} // namespace weir::work
