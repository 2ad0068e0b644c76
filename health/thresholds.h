// When probes become a verdict: `fall` failures in a row eject, `rise` passes in a row bring back.
//
// A backend of which nothing is known is up at its first pass, and down after `fall` failures.
//
// Thread: values, pure.
// Lifetime: none.
#pragma once

#include "balancer/backend.h"

#include <cstdint>

namespace weir::health {

using balancer::Verdict;

enum class ProbeOutcome {
    passed,
    failed,
    inconclusive, // this machine was short of something: no evidence either way
};

struct Progress {
    std::uint32_t passes = 0, failures = 0; // in a row; one of them is always 0
    bool operator==(const Progress&) const = default;
};

struct Thresholds {
    std::uint32_t fall = 3, rise = 2;

    // Takes one probe in; returns the verdict from now on.
    Verdict observe(Verdict verdict, Progress& progress, ProbeOutcome outcome) const;
};

} // namespace weir::health
