// Opens a standard stream as a new descriptor.
//
// Thread: pure function.
// Lifetime: the caller owns the descriptor.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

namespace weir::proxy::log {

// Returns a descriptor that never blocks, whatever other users of the stream have set. A socket, such as the journal's,
// cannot be reopened and is shared as it is.
Result<UniqueFd> open_stream(int stream);

} // namespace weir::proxy::log
