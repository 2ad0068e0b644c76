// Opens a standard stream as a new descriptor.
//
// Thread: pure function.
// Lifetime: the caller closes the descriptor.
#pragma once

namespace weir::proxy::log {

// Returns a descriptor that never blocks, whatever other users of the stream have set. A socket, such as the journal's,
// cannot be reopened and is shared as it is.
int open_stream(int stream);

} // namespace weir::proxy::log
