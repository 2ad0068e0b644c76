// The TLS settings and certificates of a listener.
//
// Thread: immutable; shared by all workers.
// Lifetime: must outlive the handshakes of the sessions that it has created.
#pragma once

#include "base/result.h"
#include "tls/certificate.h"
#include "tls/ocsp_staple.h"
#include "tls/openssl_ptr.h"
#include "tls/ticket_keys.h"
#include "tls/trusted_roots.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::tls {

enum class MinVersion { tls1_2, tls1_3 };
enum class ClientAuth { none, request, require };

struct ServerOptions {
    std::vector<std::shared_ptr<const Certificate>> certificates; // the first is the default
    std::vector<std::shared_ptr<const OcspStaple>> staples;       // of the certificates in this order; null: none
    MinVersion min_version = MinVersion::tls1_2;
    std::string ciphers;           // an OpenSSL cipher list for TLS 1.2; empty: AEAD ciphers, AES-128 first
    std::vector<std::string> alpn; // protocols in order of preference; empty: ALPN is not used
    std::string id; // sessions of one ID are never resumed under another, nor under another client policy
    ClientAuth client_auth = ClientAuth::none;
    std::shared_ptr<const TrustedRoots> client_roots; // unless `none`: the authorities of client certificates
    std::shared_ptr<TicketKeys> tickets;
};

class ServerContext {
public:
    // Fails if OpenSSL refuses the ciphers or a certificate. Requires at least one certificate.
    static Result<std::shared_ptr<const ServerContext>> make(ServerOptions options);
    ServerContext(const ServerContext&) = delete;
    ServerContext& operator=(const ServerContext&) = delete;

    // Returns a session in accept state; null if there is no memory.
    SslPtr new_session() const;
    const std::vector<std::shared_ptr<const Certificate>>& certificates() const { return options_.certificates; }
    // Returns the OCSP responses of the certificates, in their order; null: none. There may be fewer than certificates.
    const std::vector<std::shared_ptr<const OcspStaple>>& staples() const { return options_.staples; }
    // Returns a text that identifies the rules for client certificates; empty if none are requested.
    const std::string& client_policy() const { return client_policy_; }

private:
    // The certificates that serve a name: their indexes, at most one for each key type.
    using Choice = std::vector<std::size_t>;

    explicit ServerContext(ServerOptions options);
    Result<void> prepare();
    Choice choose_for(const std::string& name) const;
    Result<SSL_CTX*> context_for(const Choice& choice);
    Result<SslCtxPtr> make_context();
    void request_client_certificates(SSL_CTX* context) const;
    SSL_CTX* find(std::string_view name) const;
    static int choose_certificate(SSL* session, int* alert, void* self);
    static int staple(SSL* session, void* self);
    static int choose_protocol(SSL* session, const unsigned char** chosen, unsigned char* chosen_size,
                               const unsigned char* offered, unsigned offered_size, void* self);

    ServerOptions options_;
    std::string client_policy_;
    std::string protocols_; // options_.alpn in the wire format of ALPN (RFC 7301 section 3.1)
    std::map<Choice, SslCtxPtr> contexts_;
    SSL_CTX* default_ = nullptr;
    std::map<std::string, SSL_CTX*, std::less<>> names_; // a wildcard includes its "*."
};

} // namespace weir::tls
