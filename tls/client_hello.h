// Reads a ClientHello.
//
// Thread: pure functions.
// Lifetime: keeps nothing.
#pragma once

#include <string>

#include <openssl/ssl.h>

namespace weir::tls {

// Returns the name that the client asks for (RFC 6066 section 3), in lower case and without the root's dot; empty if
// there is none or it is malformed. To be called from a client_hello callback.
std::string server_name(SSL* session);

} // namespace weir::tls
