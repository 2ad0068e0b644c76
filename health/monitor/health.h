// The health of one backend, as the status and the metrics show it.
//
// Thread: the control thread.
// Lifetime: a value.
#pragma once

#include "base/clock.h"
#include "health/rules/thresholds.h"

#include <cstdint>
#include <optional>
#include <string>

namespace weir::health {

// How the last check of a backend ended.
struct LastCheck {
    Clock::WallTime at;                  // when it ended
    Clock::TimePoint::duration duration; // zero for a pushed heartbeat
    std::string result;                  // a short description: "status 200", or the reason for a failure
};

struct Health {
    Progress progress;
    std::uint64_t checks = 0, failed_checks = 0, ejections = 0;
    std::string last_failure;            // the reason for the last failure
    Clock::WallTime since;               // when the verdict last changed
    std::optional<LastCheck> last_check; // unset before the first one ends
};

} // namespace weir::health
