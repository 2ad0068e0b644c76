// Returns the error code of a result, for tests that compare it with another code.
//
// Thread: any.
// Lifetime: values.
#pragma once

#include "base/result.h"

namespace weir::tests {

inline boost::system::error_code code_of(const Result<void>& result) {
    return result ? boost::system::error_code() : result.error().code();
}

} // namespace weir::tests
