// The error codes of taking, renewing and releasing a lock.
//
// Thread: constants.
// Lifetime: static.
#pragma once

#include <boost/system/error_code.hpp>

namespace weir::lock {

enum class LockError {
    held = 1,    // another holder has the lock
    unavailable, // the lock's server or file cannot be used, or the answer is invalid
    lost,        // the lease has expired, or another holder has the lock now
    timed_out,   // the lock was not free within the caller's time limit
};

boost::system::error_code make_error_code(LockError error);

} // namespace weir::lock

template <> struct boost::system::is_error_code_enum<weir::lock::LockError> : std::true_type {};
