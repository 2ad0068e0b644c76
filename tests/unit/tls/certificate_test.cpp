#include "tests/catch.h"
#include "tests/unit/support/test_certificates.h"
#include "tls/certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

using namespace weir;
using tests::TestAuthority;
using tests::TestKey;
using tls::Certificate;
using File = tls::CertificateProblem::File;

namespace {

tls::LoadedCertificate load(const tests::TestPair& pair) {
    return Certificate::load(pair.cert, pair.key, std::chrono::system_clock::now());
}

// Returns the certificates of a PEM file.
std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> parts;
    const std::string end = "-----END CERTIFICATE-----\n";
    for (std::size_t at = 0, next = 0; (next = text.find(end, at)) != std::string::npos; at = next + end.size())
        parts.push_back(text.substr(at, next + end.size() - at));
    return parts;
}

// Encrypts a key in PEM format, as PKCS #8 or in the traditional format.
std::string encrypt(const std::string& key, bool as_pkcs8) {
    const tls::BioPtr in(BIO_new_mem_buf(key.data(), static_cast<int>(key.size()))), out(BIO_new(BIO_s_mem()));
    const tls::PkeyPtr parsed(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
    unsigned char password[] = "secret";
    const auto write = as_pkcs8 ? PEM_write_bio_PrivateKey : PEM_write_bio_PrivateKey_traditional;
    REQUIRE(write(out.get(), parsed.get(), EVP_aes_128_cbc(), password, sizeof password - 1, nullptr, nullptr) == 1);
    std::string text(static_cast<std::size_t>(BIO_pending(out.get())), '\0');
    BIO_read(out.get(), text.data(), static_cast<int>(text.size()));
    return text;
}

void check_problem(const tls::LoadedCertificate& loaded, File file, const std::string& reason) {
    CHECK(loaded.certificate == nullptr);
    CHECK(loaded.problem.file == file);
    INFO(loaded.problem.reason);
    CHECK(loaded.problem.reason.find(reason) != std::string::npos);
}

} // namespace

TEST_CASE("the names, issuer, key type and validity of a certificate are read") {
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
    check_problem(load({"/tmp", good.key}), File::cert, "/tmp cannot be read");
    check_problem(load({good.cert, "/tmp"}), File::key, "/tmp cannot be read");
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
    for (const bool as_pkcs8 : {true, false}) {
        const auto encrypted = authority.write(encrypt(authority.read(pair.key), as_pkcs8));
        check_problem(load({pair.cert, encrypted}), File::key, "is encrypted; store it without a passphrase");
    }
}

TEST_CASE("a certificate is valid from not_before until just before not_after") {
    TestAuthority authority;
    const auto pair = authority.issue({{"a.example"}});
    const auto first = load(pair);
    REQUIRE(first.certificate);
    const auto& facts = first.certificate->facts();
    const auto at = [&](auto time) { return Certificate::load(pair.cert, pair.key, time); };
    const std::chrono::seconds second(1);
    check_problem(at(facts.not_before - second), File::cert, "is not valid before 20");
    CHECK(at(facts.not_before).certificate);
    CHECK(at(facts.not_after - second).certificate);
    check_problem(at(facts.not_after), File::cert, "expired on 20");
}

TEST_CASE("a certificate without subjectAltName is for its common name") {
    TestAuthority authority;
    const auto loaded = load(authority.issue({}));
    REQUIRE(loaded.certificate);
    CHECK(loaded.certificate->facts().names == std::vector<std::string>{"server"});
}

TEST_CASE("a damaged certificate is refused, not left out of the chain") {
    TestAuthority authority;
    const auto pair = authority.issue({{"a.example"}});
    const auto chain = split(authority.read(pair.cert));
    REQUIRE(chain.size() == 2);
    const auto refused = [&](const std::string& text, const std::string& reason) {
        check_problem(load({authority.write(text), pair.key}), File::cert, reason);
    };
    auto garbled = chain[1], not_der = chain[1], leaf = chain[0];
    garbled[100] = leaf[100] = '!';
    not_der.replace(not_der.find('\n') + 1, 4, "AAAA");
    refused(leaf + chain[1], "certificate 1 in ");
    refused(chain[0] + garbled, "certificate 2 in ");
    refused(chain[0] + not_der, "is damaged (");
    refused(chain[0] + chain[1].substr(0, chain[1].size() / 2), "is damaged (");
    refused(chain[0] + chain[1].substr(0, chain[1].size() - 10), "is damaged (");
    CHECK(load({authority.write("leaf\n" + chain[0] + "issuer\n" + chain[1] + "end\n"), pair.key}).certificate);
}

TEST_CASE("each certificate of a chain must be followed by its issuer") {
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
