// Why the lock was not given, or was lost.
//
// Thread: constants.
// Lifetime: static.
#pragma once

#include <boost/system/error_code.hpp>

namespace weir::lock {

enum class LockError {
    held = 1,    // someone else has it
    unavailable, // its server or its directory cannot be reached, or answers nonsense
    lost,        // the lease is someone else's by now, or has run out
    timed_out,   // it was held by others for as long as the caller would wait
};

boost::system::error_code make_error_code(LockError error);

} // namespace weir::lock

template <> struct boost::system::is_error_code_enum<weir::lock::LockError> : std::true_type {};
