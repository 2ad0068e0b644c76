// The highest fence that this machine has ever seen, on disk: written aside, synced and renamed into place, so that a
// power cut leaves the old number or the new one.
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
    boost::system::error_code write(std::uint64_t fence) const;

private:
    std::string directory_, path_;
};

} // namespace weir::lock
