#include "tests/catch.h"
#include "tests/unit/support/test_certificates.h"
#include "tls/certificate.h"

#include <openssl/evp.h>

using namespace weir;
using tests::TestAuthority;
using tests::TestKey;
using tls::Certificate;
using File = tls::CertificateProblem::File;

namespace {

tls::LoadedCertificate load(const tests::TestPair& pair) {
    return Certificate::load(pair.cert, pair.key, std::chrono::system_clock::now());
}

// The certificates of a PEM file.
std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> parts;
    const std::string end = "-----END CERTIFICATE-----\n";
    for (std::size_t at = 0, next = 0; (next = text.find(end, at)) != std::string::npos; at = next + end.size())
        parts.push_back(text.substr(at, next + end.size() - at));
    return parts;
}

void check_problem(const tls::LoadedCertificate& loaded, File file, const std::string& reason) {
    CHECK(loaded.certificate == nullptr);
    CHECK(loaded.problem.file == file);
    INFO(loaded.problem.reason);
    CHECK(loaded.problem.reason.find(reason) != std::string::npos);
}

} // namespace

TEST_CASE("a certificate says whom it is for, who signed it and how long it holds") {
    TestAuthority authority;
    const auto loaded = load(authority.issue({{"B.example", "*.a.example"}, TestKey::rsa}));
    REQUIRE(loaded.certificate);
    const auto& facts = loaded.certificate->facts();
    CHECK(facts.names == std::vector<std::string>{"*.a.example", "b.example"});
    CHECK(facts.issuer == "CN=intermediate");
    CHECK(facts.fingerprint.size() == 64);
    CHECK(facts.key_type == EVP_PKEY_RSA);
    CHECK(facts.not_after - facts.not_before == std::chrono::hours(24 * 31));
    CHECK(loaded.certificate->issuers().size() == 1);
}

TEST_CASE("a pair that cannot be used is refused with the file and the reason") {
    TestAuthority authority;
    const auto good = authority.issue({{"a.example"}}), other = authority.issue({{"a.example"}});
    const auto empty = authority.write(""), junk = authority.write("junk");
    check_problem(load({"/nonexistent", good.key}), File::cert, "there is no file /nonexistent");
    check_problem(load({good.cert, "/nonexistent"}), File::key, "there is no file /nonexistent");
    check_problem(load({empty, good.key}), File::cert, "is empty");
    check_problem(load({good.cert, empty}), File::key, "is empty");
    check_problem(load({junk, good.key}), File::cert, "holds no certificate in PEM format");
    check_problem(load({good.cert, junk}), File::key, "holds no private key in PEM format");
    check_problem(load({good.key, good.key}), File::cert, "holds no certificate in PEM format");
    check_problem(load({good.cert, other.key}), File::key, "does not match");
    check_problem(load(authority.issue({{"a"}, TestKey::ec, -10, -1})), File::cert, "expired on 20");
    check_problem(load(authority.issue({{"a"}, TestKey::ec, 1, 2})), File::cert, "is not valid before 20");
}

TEST_CASE("an encrypted key is refused with the remedy") {
    TestAuthority authority;
    const auto pair = authority.issue({{"a.example"}});
    const auto encrypted = authority.write("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"
                                           "-----END ENCRYPTED PRIVATE KEY-----\n");
    check_problem(load({pair.cert, encrypted}), File::key, "is encrypted; store it without a passphrase");
}

TEST_CASE("each certificate of a chain is followed by its issuer") {
    TestAuthority authority;
    const auto pair = authority.issue({{"a.example"}}), other = authority.issue({{"b.example"}});
    const auto chain = split(authority.read(pair.cert));
    const auto stranger = split(authority.read(other.cert));
    REQUIRE(chain.size() == 2);
    CHECK(load({authority.write(chain[0]), pair.key}).certificate);
    check_problem(load({authority.write(chain[0] + stranger[0]), pair.key}), File::cert,
                  "did not issue the one before");
    check_problem(load({authority.write(chain[0] + stranger[0] + chain[1]), pair.key}), File::cert,
                  "wrong order: put the issuer of");
    check_problem(load({authority.write(chain[1] + chain[0]), pair.key}), File::key, "does not match the first");
}

TEST_CASE("a certificate and its key may be in one file") {
    TestAuthority authority;
    const auto pair = authority.issue({{"a.example"}});
    const auto both = authority.write(authority.read(pair.key) + authority.read(pair.cert));
    CHECK(load({both, both}).certificate);
}
