// The codes of errors of taking, renewing and releasing a lock.
//
// Thread: constants.
// Lifetime: static.
#pragma once

#include <boost/system/error_code.hpp>

namespace weir::lock {

enum class LockError {
    held = 1,    // another holder has the lock
    unavailable, // its server or directory cannot be reached, or the answer is invalid
    lost,        // the lease has expired, or another holder has the lock now
    timed_out,   // others held the lock for as long as the caller was willing to wait
};

boost::system::error_code make_error_code(LockError error);

} // namespace weir::lock

template <> struct boost::system::is_error_code_enum<weir::lock::LockError> : std::true_type {};
