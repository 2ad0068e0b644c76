#include "tls/certificate.h"

#include "base/named_file.h"
#include "base/result.h"
#include "tls/pem.h"

#include <array>
#include <ctime>
#include <utility>

#include <openssl/err.h>
#include <openssl/x509v3.h>

namespace weir::tls {
namespace {

using File = CertificateProblem::File;

bool is_issued_by(X509* certificate, X509* issuer) {
    const bool issued =
        X509_check_issued(issuer, certificate) == X509_V_OK && X509_verify(certificate, X509_get0_pubkey(issuer)) == 1;
    ERR_clear_error();
    return issued;
}

// Returns the error for a chain in which a certificate is not followed by its issuer; empty if there is no error.
std::string find_disorder(const std::string& path, const std::vector<X509Ptr>& chain) {
    for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
        if (is_issued_by(chain[i].get(), chain[i + 1].get())) continue;
        for (const auto& other : chain)
            if (other != chain[i] && is_issued_by(chain[i].get(), other.get()))
                return "the certificates in " + path + " are in the wrong order: put the issuer of " +
                       subject_of(chain[i].get()) + " directly after it";
        return "certificate " + std::to_string(i + 2) + " in " + path + " did not issue the one before it (" +
               subject_of(chain[i].get()) + "): remove it, or add the missing one between them";
    }
    return {};
}

std::string date_of(std::chrono::system_clock::time_point time) {
    const auto seconds = std::chrono::system_clock::to_time_t(time);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 64> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
    return text.data();
}

LoadedCertificate fail(File file, std::string reason) { return {nullptr, {file, std::move(reason)}}; }

} // namespace

LoadedCertificate Certificate::load(const std::string& cert_path, const std::string& key_path,
                                    std::chrono::system_clock::time_point now) {
    const auto cert_text = read_named_file(cert_path, "a certificate and its chain in PEM format", max_pem_bytes);
    if (!cert_text) return fail(File::cert, cert_text.error().message());
    auto parsed = parse_certificates(cert_path, *cert_text);
    if (!parsed) return fail(File::cert, parsed.error().message());
    auto chain = *std::move(parsed);
    const auto key_text = read_named_file(key_path, "the private key in PEM format", max_pem_bytes);
    if (!key_text) return fail(File::key, key_text.error().message());
    auto key = parse_key(key_path, *key_text);
    if (!key) return fail(File::key, key.error().message());
    if (X509_check_private_key(chain[0].get(), key->get()) != 1) {
        ERR_clear_error();
        return fail(File::key, "the key in " + key_path + " does not match the first certificate in " + cert_path);
    }
    if (auto disorder = find_disorder(cert_path, chain); !disorder.empty())
        return fail(File::cert, std::move(disorder));
    auto leaf = std::move(chain[0]);
    chain.erase(chain.begin());
    auto certificate = std::make_shared<const Certificate>(std::move(leaf), std::move(chain), *std::move(key));
    const auto& facts = certificate->facts();
    if (now >= facts.not_after)
        return fail(File::cert,
                    "the certificate in " + cert_path + " expired on " + date_of(facts.not_after) + "; renew it");
    if (now < facts.not_before)
        return fail(File::cert, "the certificate in " + cert_path + " is not valid before " +
                                    date_of(facts.not_before) + "; check this machine's clock");
    return {std::move(certificate)};
}

} // namespace weir::tls
