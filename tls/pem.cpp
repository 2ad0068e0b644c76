#include "tls/pem.h"

#include "tls/openssl_error.h"

#include <openssl/err.h>
#include <openssl/pem.h>

namespace weir::tls {
namespace {

BioPtr reader(const std::string& text) { return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

int refuse_password(char*, int, int, void*) { return -1; }

} // namespace

Result<std::vector<X509Ptr>> parse_certificates(const std::string& path, const std::string& text) {
    std::vector<X509Ptr> certificates;
    const auto from = reader(text);
    while (auto* const next = PEM_read_bio_X509(from.get(), nullptr, nullptr, nullptr)) certificates.emplace_back(next);
    const auto last = ERR_peek_last_error(); // the end of the file is also reported as an error
    const bool at_end = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
    const auto reason = take_openssl_reason();
    if (!at_end)
        return Error("certificate " + std::to_string(certificates.size() + 1) + " in " + path + " is damaged (" +
                     reason + "); replace it");
    if (certificates.empty()) return Error(path + " holds no certificate in PEM format");
    return certificates;
}

Result<PkeyPtr> parse_key(const std::string& path, const std::string& text) {
    PkeyPtr key(PEM_read_bio_PrivateKey(reader(text).get(), nullptr, refuse_password, nullptr));
    const auto reason = key ? std::string() : take_openssl_reason();
    if (key) return key;
    if (text.find("ENCRYPTED") != std::string::npos)
        return Error("the key in " + path + " is encrypted; store it without a passphrase, readable by weir alone");
    return Error(path + " holds no private key in PEM format (" + reason + ")");
}

} // namespace weir::tls
