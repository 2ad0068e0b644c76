// Stores on disk the highest fence that this machine has seen, and the hash of the configuration that took effect under
// it. The file is written to a temporary name, synced and renamed into place, so that a power failure leaves either the
// old or the new contents.
//
// Thread: one thread at a time; calls block on the disk.
// Lifetime: keeps only the path.
#pragma once

#include "base/result.h"
#include "lock/lease/error.h"

#include <cstdint>
#include <string>

namespace weir::lock {

class FenceStore {
public:
    explicit FenceStore(const std::string& state_dir) : path_(state_dir + "/fence") {}

    // Returns the highest fence; 0 if there is none yet. An unreadable file is an error, not 0, because fences must
    // never go backwards.
    Result<std::uint64_t> read() const;
    // Records the fence of a new lease. Fails with `lost` if a higher fence has been recorded.
    Result<void> raise(std::uint64_t fence) const;
    // Records that the configuration with this hash is about to take effect under `fence`. Fails with `lost` if a
    // higher fence has been recorded, or another configuration under this fence.
    Result<void> admit(std::uint64_t fence, const std::string& hash) const;

private:
    struct Mark {
        std::uint64_t fence = 0;
        std::string hash; // empty: no configuration has taken effect under the fence yet
    };
    Result<Mark> read_mark() const;
    Result<void> write(const Mark& mark) const;

    std::string path_;
};

} // namespace weir::lock
