// The library's callbacks for a backend's connection. They take notes in the connection and its streams, and never
// enter the library again, except to submit frames.
//
// Thread: the table is made once and does not change; each call is on the connection's thread.
// Lifetime: static.
#pragma once

#include <nghttp2/nghttp2.h>

namespace weir::proxy::http2 {

// Returns the table of callbacks. Their user data is the ClientConnection, as a Connection.
const nghttp2_session_callbacks* client_callbacks();

} // namespace weir::proxy::http2
