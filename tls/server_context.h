// The TLS settings and certificates of a listener.
//
// Thread: immutable; shared by all workers.
// Lifetime: must outlive the handshakes of the sessions that it has created.
#pragma once

#include "base/result.h"
#include "tls/certificate.h"
#include "tls/openssl_ptr.h"
#include "tls/ticket_keys.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::tls {

enum class MinVersion { tls1_2, tls1_3 };

struct ServerOptions {
    std::vector<std::shared_ptr<const Certificate>> certificates; // the first is the default
    MinVersion min_version = MinVersion::tls1_2;
    std::string ciphers;           // an OpenSSL cipher list for TLS 1.2; empty: AEAD ciphers, AES-128 first
    std::vector<std::string> alpn; // protocols in order of preference; empty: ALPN is not used
    std::string id;                // session ID context: sessions of one id are never resumed under another
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

private:
    // The certificates that serve a name: their indexes, at most one for each key type.
    using Choice = std::vector<std::size_t>;

    explicit ServerContext(ServerOptions options);
    Result<void> prepare();
    Choice choose_for(const std::string& name) const;
    Result<SSL_CTX*> context_for(const Choice& choice);
    Result<SslCtxPtr> make_context();
    SSL_CTX* find(std::string_view name) const;
    static int choose_certificate(SSL* session, int* alert, void* self);
    static int choose_protocol(SSL* session, const unsigned char** chosen, unsigned char* chosen_size,
                               const unsigned char* offered, unsigned offered_size, void* self);

    ServerOptions options_;
    std::string protocols_; // options_.alpn in the wire format of ALPN (RFC 7301 section 3.1)
    std::map<Choice, SslCtxPtr> contexts_;
    SSL_CTX* default_ = nullptr;
    std::map<std::string, SSL_CTX*, std::less<>> names_; // a wildcard includes its "*."
};

} // namespace weir::tls
