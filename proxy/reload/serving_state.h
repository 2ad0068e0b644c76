// What this process serves: the change that brought the configuration in force, and whether it is still being watched.
//
// Thread: the control thread. Canary writes it; a stopping process sets `is_stopping`.
// Lifetime: must outlive the objects that use it.
#pragma once

#include <chrono>
#include <cstdint>

namespace weir::proxy {

// The configuration in force: the fence of the change that applied it, and when that was.
struct InForce {
    std::uint64_t fence = 0; // 0: applied without a lock
    std::chrono::system_clock::time_point since;
};

struct ServingState {
    InForce in_force;
    bool is_watching = false; // from the time a change is in force until its verdict
    bool is_stopping = false; // nothing is applied or watched any more
};

} // namespace weir::proxy
