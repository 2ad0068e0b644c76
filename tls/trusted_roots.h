// The certificates of the authorities that a peer's certificate is verified with.
//
// Thread: immutable; any. Loading blocks on the disk.
// Lifetime: shared by the contexts that use it.
#pragma once

#include "base/result.h"
#include "tls/openssl_ptr.h"

#include <memory>
#include <string>
#include <vector>

namespace weir::tls {

// Which certificates may end a chain: only self-signed ones, as for authorities, or all that are trusted.
enum class Anchors { self_signed, all };

class TrustedRoots {
public:
    // Reads a file of one or more certificates in PEM format. Fails if it is missing, unreadable, empty or damaged.
    static Result<std::shared_ptr<const TrustedRoots>> load(const std::string& path,
                                                            Anchors anchors = Anchors::self_signed);
    // Returns the authorities that the system trusts. OpenSSL reads a certificate only when it needs it.
    static std::shared_ptr<const TrustedRoots> of_system();

    // Makes a context verify the certificates of its peers with these authorities.
    void install(SSL_CTX* context) const;
    // Returns the certificates of the file; none for those of the system.
    const std::vector<X509Ptr>& certificates() const { return certificates_; }
    // Returns a text that differs for different authorities.
    const std::string& id() const { return id_; }

private:
    TrustedRoots(std::vector<X509Ptr> certificates, std::string id);

    std::vector<X509Ptr> certificates_; // empty: those of the system
    std::string id_;
    std::unique_ptr<X509_STORE, Free<X509_STORE_free>> store_;
};

} // namespace weir::tls
