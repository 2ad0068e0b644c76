// What a server knows about the client of a connection that was made under a policy for client certificates.
//
// Thread: pure functions.
// Lifetime: owns its texts.
#pragma once

#include <string>

#include <openssl/ssl.h>

namespace weir::tls {

struct ClientIdentity {
    std::string policy;         // ServerContext::client_policy() at the time of the handshake
    std::string requested_name; // SNI, in lower case; empty: none was sent
    // Of the verified certificate; both are empty if the client has sent none.
    std::string subject;     // in the format of RFC 4514
    std::string fingerprint; // SHA-256 in hex
    // A session may be resumed after its certificate has expired: OpenSSL does not look at the dates again.
    bool has_expired = false;
};

// Reads the certificate of a session whose handshake is complete.
ClientIdentity identify_client(const SSL* session, std::string policy);

} // namespace weir::tls
