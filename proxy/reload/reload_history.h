// The outcomes of reloads: counts them, logs them, and keeps the last one.
//
// Thread: the control thread.
// Lifetime: owns its data.
#pragma once

#include "proxy/reload/reload_report.h"

#include <cstdint>

namespace weir::proxy {

struct ReloadCounts {
    std::uint64_t applied = 0, unchanged = 0, refused = 0, rolled_back = 0, rollback_failed = 0, lock_failures = 0;
};

class ReloadHistory {
public:
    // Sets the report of the first configuration, which does not count as a reload.
    void begin_with(ReloadReport start) { last_ = std::move(start); }
    void add(ReloadReport report);

    const ReloadReport& last() const { return last_; }
    const ReloadCounts& counts() const { return counts_; }

private:
    ReloadReport last_;
    ReloadCounts counts_;
};

} // namespace weir::proxy
