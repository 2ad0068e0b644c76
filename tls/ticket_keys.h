// The keys that encrypt session tickets (RFC 5077, RFC 8446 section 4.6.1). New tickets are encrypted with the first
// key; tickets of the other keys are still accepted, and replaced.
//
// The keys are random and rotate, or come from a file that a fleet shares.
//
// Thread: rotate() and adopt() on one thread; sessions on any thread.
// Lifetime: must outlive the handshakes of the contexts that use it.
#pragma once

#include "base/result.h"

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <openssl/ssl.h>

namespace weir::tls {

class TicketKeys {
public:
    // How long a random key is the first one.
    static constexpr std::chrono::hours lifetime{12};
    // How long a ticket is accepted. A random key is kept for at least this long.
    static constexpr std::chrono::hours ticket_lifetime = 2 * lifetime;

    // Makes a random key.
    TicketKeys();
    // Reads keys from a file: one line of base64 for each, 80 random bytes. Fails if it is missing or malformed.
    static Result<std::shared_ptr<TicketKeys>> load(const std::string& path);

    // Puts a new random key first, and drops the oldest if there are more than three.
    void rotate();
    // Returns the keys as lines of base64, the first key first.
    std::vector<std::string> encode() const;
    // Replaces the keys with those of another process. Returns false, and changes nothing, if a line is malformed or
    // there is none.
    [[nodiscard]] bool adopt(const std::vector<std::string>& lines);
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
