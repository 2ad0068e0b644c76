// Connects OpenSSL to a socket.
//
// Thread: the socket's.
// Lifetime: the socket must stay open as long as the session is used.
#pragma once

#include "tls/openssl_ptr.h"

namespace weir::net {

// Makes a session read from and write to a non-blocking socket. Unlike with OpenSSL's own BIO for sockets, writing to a
// closed connection raises no SIGPIPE.
void use_socket(SSL* session, int descriptor);

} // namespace weir::net
