// Makes certificates for tests, as PEM files: a root CA, an intermediate CA, and server certificates.
//
// Thread: one at a time.
// Lifetime: the files are removed with the TestAuthority.
#pragma once

#include "tls/openssl_ptr.h"

#include <chrono>
#include <string>
#include <vector>

namespace weir::tests {

enum class TestKey { ec, rsa };

struct TestPair {
    std::string cert, key; // paths
};

// The properties of a certificate to issue. The validity is in days from now.
struct TestCertificate {
    std::vector<std::string> names;
    TestKey key = TestKey::ec;
    int from_day = -1, to_day = 30;
};

class TestAuthority {
public:
    TestAuthority();
    ~TestAuthority();
    TestAuthority(const TestAuthority&) = delete;
    TestAuthority& operator=(const TestAuthority&) = delete;

    // Makes a certificate and its key. The certificate file also holds the intermediate certificate.
    TestPair issue(const TestCertificate& wanted);
    // Writes a text to a new file and returns its path.
    std::string write(const std::string& text);
    std::string read(const std::string& path) const;
    X509* root() const { return root_.get(); }

private:
    tls::X509Ptr sign(EVP_PKEY* key, const TestCertificate& wanted, const char* subject, X509* issuer, EVP_PKEY* by);

    std::string folder_;
    int files_ = 0;
    long serial_ = 0;
    tls::PkeyPtr root_key_, intermediate_key_;
    tls::X509Ptr root_, intermediate_;
};

} // namespace weir::tests
