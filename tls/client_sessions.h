// The TLS sessions that weir has with one server, as its client: a new connection resumes one of them, which saves the
// server a signature and both sides a round trip (TLS 1.2) or the verification of certificates.
//
// Thread: one thread's, together with the sessions that use it.
// Lifetime: must outlive the SSL objects that it was attached to.
#pragma once

#include "tls/openssl_ptr.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>

namespace weir::tls {

class ClientContext;

class ClientSessions {
public:
    // Lets a connection that has not begun its handshake yet resume a kept session, and keeps the sessions that the
    // server offers on it. If the context or the host has changed since the last call, the kept sessions are dropped,
    // because they belong to other settings. For the same reason, sessions that the server issues later on connections
    // attached before the change are discarded.
    void attach(SSL* connection, std::shared_ptr<const ClientContext> context, const std::string& host);

    // Makes the connections of a context offer their sessions to the ClientSessions that they were attached to.
    static void install(SSL_CTX* context);

private:
    using SessionPtr = std::unique_ptr<SSL_SESSION, Free<SSL_SESSION_free>>;

    static int keep(SSL* connection, SSL_SESSION* session);

    std::shared_ptr<const ClientContext> context_;
    std::string host_;
    std::uintptr_t settings_ = 0;    // number of the current context and host
    std::array<SessionPtr, 4> kept_; // the newest last; the first ones may be null
};

} // namespace weir::tls
