// Reads a ClientHello.
//
// Thread: pure functions.
// Lifetime: keeps nothing.
#pragma once

#include <string>

#include <openssl/ssl.h>

namespace weir::tls {

// Returns the server name that the client requests (SNI, RFC 6066 section 3), in lower case and without a trailing dot.
// Returns an empty text if there is none or it is malformed. Must be called from a client_hello callback.
std::string server_name(SSL* session);

} // namespace weir::tls
