// Reads a ClientHello.
//
// Thread: pure functions.
// Lifetime: keeps nothing.
#pragma once

#include <string>
#include <string_view>

#include <openssl/ssl.h>

namespace weir::tls {

// Returns the name in a server_name extension (RFC 6066 section 3), in lower case and without a trailing dot. Returns
// an empty text if it is malformed.
std::string read_server_name(std::string_view extension);

// Returns the server name that the client requests (SNI, RFC 6066 section 3), in lower case and without a trailing dot.
// Returns an empty text if there is none or it is malformed. Must be called from a client_hello callback.
std::string server_name(SSL* session);

// Keeps the requested name with the session. OpenSSL itself forgets it when a TLS 1.2 session is resumed.
void keep_server_name(SSL* session, const std::string& name);
// Returns the name that keep_server_name() has kept; empty if none was kept.
std::string kept_server_name(const SSL* session);

} // namespace weir::tls
