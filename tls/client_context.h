// The TLS settings of weir as a client of its backends.
//
// Thread: immutable; shared by all threads.
// Lifetime: must outlive the handshakes of the sessions that it has created.
#pragma once

#include "base/result.h"
#include "tls/certificate.h"
#include "tls/openssl_ptr.h"
#include "tls/trusted_roots.h"

#include <memory>
#include <string>
#include <string_view>

namespace weir::tls {

enum class Verification { required, none };

struct ClientOptions {
    Verification verification = Verification::required;
    std::shared_ptr<const TrustedRoots> roots;      // may be null without verification
    std::shared_ptr<const Certificate> certificate; // sent to servers that request one; may be null
    std::string server_name;                        // expected of all servers; empty: the `host` of each session
};

class ClientContext {
public:
    // Fails if OpenSSL refuses the certificate.
    static Result<std::shared_ptr<const ClientContext>> make(ClientOptions options);

    // Returns a session in connect state. With verification, the handshake fails unless the server's certificate is
    // valid for `server_name`, or for `host` (a DNS name or an IP address) if `server_name` is empty. If both are
    // empty, any name is accepted. Offers the protocols `alpn` (RFC 7301), in order of preference and separated by
    // commas, unless it is empty. Returns null if there is no memory.
    SslPtr new_session(const std::string& host, std::string_view alpn) const;
    // Returns the certificate that is sent to servers; may be null.
    const std::shared_ptr<const Certificate>& certificate() const { return options_.certificate; }
    // Returns a text that is the same for contexts with the same settings and files.
    const std::string& id() const { return id_; }

private:
    explicit ClientContext(ClientOptions options);
    Result<void> prepare();

    ClientOptions options_;
    std::string id_;
    SslCtxPtr context_;
};

} // namespace weir::tls
