// A certificate with its chain and its private key, read from PEM files and checked.
//
// Thread: immutable; any. Loading blocks on the disk.
// Lifetime: shared by the contexts that use it.
#pragma once

#include "tls/openssl_ptr.h"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::tls {

// The fields of a certificate that weir uses or reports.
struct CertificateFacts {
    std::vector<std::string> names; // DNS names in lower case, sorted; the common name if there is no subjectAltName
    std::string subject, issuer;    // in the format of RFC 4514
    std::string fingerprint;        // SHA-256 in hex
    std::chrono::system_clock::time_point not_before, not_after;
    int key_type = 0; // EVP_PKEY_RSA, EVP_PKEY_EC, …
};

// Returns the DNS names that a certificate is for, as in CertificateFacts.
std::vector<std::string> names_of(const X509* certificate);
// Returns the subject of a certificate in the format of RFC 4514.
std::string subject_of(const X509* certificate);
// Returns the SHA-256 of a certificate in hex.
std::string fingerprint_of(const X509* certificate);

// The reason for which a pair of files cannot be used, and the file that is at fault.
struct CertificateProblem {
    enum class File { cert, key };

    File file = File::cert;
    std::string reason; // names the file and the remedy
};

class Certificate;

// A certificate; if it is null, the problem.
struct [[nodiscard]] LoadedCertificate {
    std::shared_ptr<const Certificate> certificate;
    CertificateProblem problem{};
};

class Certificate {
public:
    // Reads a pair. The certificate file holds the server's certificate, then the intermediate certificates, so that
    // each is followed by its issuer. Refuses files that are missing, unreadable or not PEM, encrypted keys, a key that
    // does not match, a chain in any other order, and a server certificate that is not valid at `now`.
    static LoadedCertificate load(const std::string& cert_path, const std::string& key_path,
                                  std::chrono::system_clock::time_point now);

    Certificate(X509Ptr leaf, std::vector<X509Ptr> issuers, PkeyPtr key);

    const CertificateFacts& facts() const { return facts_; }
    X509* leaf() const { return leaf_.get(); }
    const std::vector<X509Ptr>& issuers() const { return issuers_; }
    EVP_PKEY* key() const { return key_.get(); }

private:
    X509Ptr leaf_;
    std::vector<X509Ptr> issuers_;
    PkeyPtr key_;
    CertificateFacts facts_;
};

} // namespace weir::tls
