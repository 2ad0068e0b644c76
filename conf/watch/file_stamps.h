// Detects file changes by polling: changes that inotify does not report (bind mounts, network file systems, edits
// through mmap), or all changes if inotify is not available.
//
// Thread: one thread at a time; blocks on the disk for one stat per file.
// Lifetime: owns its data.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace weir::conf {

class FileStamps {
public:
    // Polls these files or file patterns and remembers their state. Returns whether anything has changed since the last
    // call: the set of files, or the identity, size, permissions, modification time or change time of a file.
    bool look(const std::vector<std::string>& files);

private:
    struct Stamp {
        std::uint64_t device = 0, inode = 0, size = 0, mode = 0;
        std::int64_t modified_ns = 0, changed_ns = 0;
        bool operator==(const Stamp&) const = default;
    };
    static void add(const std::string& path, std::map<std::string, Stamp>& out);

    std::map<std::string, Stamp> stamps_; // keyed by path; missing files have no entry
};

} // namespace weir::conf
