#include "tests/unit/support/test_certificates.h"

#include "base/durable_file.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

namespace weir::tests {
namespace {

constexpr long seconds_a_day = 24 * 60 * 60;

tls::PkeyPtr make_key(TestKey kind) {
    return tls::PkeyPtr(kind == TestKey::rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"));
}

void extend(X509* certificate, int extension, const std::string& value) {
    auto* const made = X509V3_EXT_conf_nid(nullptr, nullptr, extension, value.c_str());
    X509_add_ext(certificate, made, -1);
    X509_EXTENSION_free(made);
}

template <class Write> std::string pem(Write write) {
    const tls::BioPtr out(BIO_new(BIO_s_mem()));
    write(out.get());
    std::string text(static_cast<std::size_t>(BIO_pending(out.get())), '\0');
    BIO_read(out.get(), text.data(), static_cast<int>(text.size()));
    return text;
}

std::string pem_of(X509* certificate) {
    return pem([&](BIO* out) { PEM_write_bio_X509(out, certificate); });
}

} // namespace

TestAuthority::TestAuthority() : root_key_(make_key(TestKey::ec)), intermediate_key_(make_key(TestKey::ec)) {
    char folder[] = "/tmp/weir-test-XXXXXX";
    if (!::mkdtemp(folder)) throw std::runtime_error("no temporary directory");
    folder_ = folder;
    root_ = sign(root_key_.get(), {}, "root", nullptr, root_key_.get());
    intermediate_ = sign(intermediate_key_.get(), {}, "intermediate", root_.get(), root_key_.get());
}

TestAuthority::~TestAuthority() { std::filesystem::remove_all(folder_); }

tls::X509Ptr TestAuthority::sign(EVP_PKEY* key, const TestCertificate& wanted, const char* subject, X509* issuer,
                                 EVP_PKEY* by) {
    tls::X509Ptr made(X509_new());
    auto* const certificate = made.get();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(certificate), wanted.from_day * seconds_a_day);
    X509_gmtime_adj(X509_getm_notAfter(certificate), wanted.to_day * seconds_a_day);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(subject), -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate));
    X509_set_pubkey(certificate, key);
    if (wanted.names.empty()) extend(certificate, NID_basic_constraints, "critical,CA:TRUE");
    std::string names;
    for (const auto& name : wanted.names) names += (names.empty() ? "DNS:" : ",DNS:") + name;
    if (!names.empty()) extend(certificate, NID_subject_alt_name, names);
    X509_sign(certificate, by, EVP_sha256());
    return made;
}

TestPair TestAuthority::issue(const TestCertificate& wanted) {
    const auto key = make_key(wanted.key);
    const auto made = sign(key.get(), wanted, "server", intermediate_.get(), intermediate_key_.get());
    const auto key_text =
        pem([&](BIO* out) { PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
    return {write(pem_of(made.get()) + pem_of(intermediate_.get())), write(key_text)};
}

std::string TestAuthority::write(const std::string& text) {
    const auto path = folder_ + "/" + std::to_string(++files_) + ".pem";
    std::ofstream(path) << text;
    return path;
}

std::string TestAuthority::read(const std::string& path) const { return *read_whole_file(path); }

} // namespace weir::tests
