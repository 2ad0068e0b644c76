// The keys that encrypt session tickets (RFC 5077, RFC 8446 section 4.6.1). New tickets are encrypted with the current
// key; tickets of the two previous keys are still accepted, and replaced.
//
// Thread: rotate() on one thread; sessions on any thread.
// Lifetime: must outlive the handshakes of the contexts that use it.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <memory>

#include <openssl/ssl.h>

namespace weir::tls {

class TicketKeys {
public:
    // How long a key is the current one.
    static constexpr std::chrono::hours lifetime{12};
    // How long a ticket is accepted. Its key is kept for at least this long.
    static constexpr std::chrono::hours ticket_lifetime = 2 * lifetime;

    TicketKeys();

    // Makes a new random key the current one.
    void rotate();
    // Makes a context encrypt and decrypt its tickets with these keys.
    void install(SSL_CTX* context);

private:
    struct Key;
    struct Ring;
    static int handle(SSL* session, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                      int encrypts);

    std::atomic<std::shared_ptr<const Ring>> ring_;
};

} // namespace weir::tls
