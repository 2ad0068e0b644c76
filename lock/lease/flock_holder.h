// Finds the process that holds a flock on a file.
//
// Thread: any; blocks on disk access.
// Lifetime: values.
#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

namespace weir::lock {

struct FlockHolder {
    pid_t pid = 0;       // 0: a process that is not visible from here, such as one in another container
    std::string command; // the name of the process; empty if it cannot be read

    // Returns "process 77 (weir)", or "another process" if the process is not visible.
    std::string text() const;
};

// Returns the holder of the lock on the file at `path`; unset if the lock is free or there is no such file.
std::optional<FlockHolder> find_flock_holder(const std::string& path);

} // namespace weir::lock
