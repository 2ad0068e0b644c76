// A standard stream as a descriptor of our own.
//
// Thread: pure function.
// Lifetime: the caller closes what it gets.
#pragma once

namespace weir::proxy::log {

// Never blocking, whatever the ones who share the stream want. A socket, such as the journal's, cannot be opened anew
// and is shared as it is.
int open_stream(int stream);

} // namespace weir::proxy::log
