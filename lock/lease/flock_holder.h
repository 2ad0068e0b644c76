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
    pid_t pid = 0;       // 0: a process that is not visible from here, as one in another container
    std::string command; // its name; empty if it cannot be read

    std::string text() const; // "process 77 (weir)"
};

// Returns the holder of the lock on the file at `path`; empty if the lock is free or there is no such file.
std::optional<FlockHolder> find_flock_holder(const std::string& path);

} // namespace weir::lock
