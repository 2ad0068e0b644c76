// Turns probe results into a verdict: `fall` failures in a row take a backend down, `rise` passes in a row bring it
// back up.
//
// A backend with an unknown verdict is up after its first pass, and down after `fall` failures in a row.
//
// Thread: values without shared state.
// Lifetime: none.
#pragma once

#include "balancer/backend.h"

#include <cstdint>

namespace weir::health {

using balancer::Verdict;

enum class ProbeOutcome {
    passed,
    failed,
    inconclusive, // this machine ran out of a resource, so the probe proves nothing
};

struct Progress {
    std::uint32_t passes = 0, failures = 0; // in a row; one of them is always 0
    bool operator==(const Progress&) const = default;
};

struct Thresholds {
    std::uint32_t fall = 3, rise = 2;

    // Records the result of one probe in `progress`; returns the new verdict.
    Verdict observe(Verdict verdict, Progress& progress, ProbeOutcome outcome) const;
};

} // namespace weir::health
