#include "health/rules/thresholds.h"

namespace weir::health {

Verdict Thresholds::observe(Verdict verdict, Progress& progress, ProbeOutcome outcome) const {
    if (outcome == ProbeOutcome::inconclusive) return verdict;
    if (outcome == ProbeOutcome::passed) {
        progress = {progress.passes + 1, 0};
        const bool enough = verdict == Verdict::unknown || progress.passes >= rise;
        return enough ? Verdict::up : verdict;
    }
    progress = {0, progress.failures + 1};
    return progress.failures >= fall ? Verdict::down : verdict;
}

} // namespace weir::health
