// The highest fence that this machine has ever seen, and the configuration that it let take effect under it, on disk:
// written aside, synced and renamed into place, so that a power cut leaves the old line or the new one.
//
// Thread: one at a time; blocks on the disk for a moment.
// Lifetime: keeps only the path.
#pragma once

#include "lock/error.h"

#include <boost/system/result.hpp>

#include <cstdint>
#include <string>

namespace weir::lock {

class FenceStore {
public:
    explicit FenceStore(const std::string& state_dir) : directory_(state_dir), path_(state_dir + "/fence") {}

    // 0 where there is none yet. An unreadable file is an error, not a 0: fences must never go back.
    boost::system::result<std::uint64_t> read() const;
    // A lease has it. `lost`: a higher one has been seen here.
    boost::system::error_code raise(std::uint64_t fence) const;
    // A configuration is about to take effect under it. `lost`: a higher one has been seen here, or another
    // configuration under this one.
    boost::system::error_code admit(std::uint64_t fence, const std::string& hash) const;

private:
    struct Mark {
        std::uint64_t fence = 0;
        std::string hash; // empty: nothing has taken effect under it yet
    };
    boost::system::result<Mark> read_mark() const;
    boost::system::error_code write(const Mark& mark) const;

    std::string directory_, path_;
};

} // namespace weir::lock
