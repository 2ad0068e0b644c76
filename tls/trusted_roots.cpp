#include "tls/trusted_roots.h"

#include "base/hex.h"
#include "base/named_file.h"
#include "tls/pem.h"

#include <utility>

#include <openssl/sha.h>
#include <openssl/x509v3.h>

namespace weir::tls {

TrustedRoots::TrustedRoots(std::vector<X509Ptr> certificates, std::string id)
    : certificates_(std::move(certificates)), id_(std::move(id)), store_(X509_STORE_new()) {
    for (const auto& certificate : certificates_) {
        // Decodes the extensions now: they would be decoded in the first handshake of a worker, while others read them.
        X509_check_purpose(certificate.get(), -1, 0);
        X509_STORE_add_cert(store_.get(), certificate.get());
    }
    if (certificates_.empty()) X509_STORE_set_default_paths(store_.get());
}

Result<std::shared_ptr<const TrustedRoots>> TrustedRoots::load(const std::string& path, Anchors anchors) {
    const auto text = read_named_file(path, "the certificates of the trusted authorities in PEM format", max_pem_bytes);
    if (!text) return text.error();
    auto certificates = parse_certificates(path, *text);
    if (!certificates) return certificates.error();
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(text->data()), text->size(), digest);
    std::shared_ptr<const TrustedRoots> roots(new TrustedRoots(*std::move(certificates), to_hex(digest)));
    if (anchors == Anchors::all) X509_STORE_set_flags(roots->store_.get(), X509_V_FLAG_PARTIAL_CHAIN);
    return roots;
}

std::shared_ptr<const TrustedRoots> TrustedRoots::of_system() {
    return std::shared_ptr<const TrustedRoots>(new TrustedRoots({}, "system"));
}

void TrustedRoots::install(SSL_CTX* context) const { SSL_CTX_set1_cert_store(context, store_.get()); }

} // namespace weir::tls
