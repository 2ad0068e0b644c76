#include "base/hex.h"
#include "base/lower_case.h"
#include "tls/certificate.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include <openssl/x509v3.h>

namespace weir::tls {
namespace {

std::string text_of(const X509_NAME* name) {
    const BioPtr out(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253);
    std::string text(static_cast<std::size_t>(BIO_pending(out.get())), '\0');
    BIO_read(out.get(), text.data(), static_cast<int>(text.size()));
    return text;
}

std::chrono::system_clock::time_point time_of(const ASN1_TIME* time) {
    std::tm parts{};
    ASN1_TIME_to_tm(time, &parts);
    return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::string text_of(const ASN1_STRING* string) {
    const auto* const bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(string));
    return lower_case({bytes, static_cast<std::size_t>(ASN1_STRING_length(string))});
}

std::string common_name(const X509* certificate) {
    const auto* const subject = X509_get_subject_name(certificate);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    return at < 0 ? "" : text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

} // namespace

std::vector<std::string> names_of(const X509* certificate) {
    std::vector<std::string> names;
    using Names = std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>>;
    const Names found(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; found && i < sk_GENERAL_NAME_num(found.get()); ++i) {
        const auto* const name = sk_GENERAL_NAME_value(found.get(), i);
        if (name->type == GEN_DNS) names.push_back(text_of(name->d.dNSName));
    }
    if (auto name = common_name(certificate); !found && !name.empty()) names.push_back(std::move(name));
    std::sort(names.begin(), names.end());
    return names;
}

std::string subject_of(const X509* certificate) { return text_of(X509_get_subject_name(certificate)); }

std::string fingerprint_of(const X509* certificate) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    X509_digest(certificate, EVP_sha256(), digest, &size);
    return to_hex({digest, size});
}

Certificate::Certificate(X509Ptr leaf, std::vector<X509Ptr> issuers, PkeyPtr key)
    : leaf_(std::move(leaf)), issuers_(std::move(issuers)),
      key_(std::move(key)), facts_{names_of(leaf_.get()),
                                   subject_of(leaf_.get()),
                                   text_of(X509_get_issuer_name(leaf_.get())),
                                   fingerprint_of(leaf_.get()),
                                   time_of(X509_get0_notBefore(leaf_.get())),
                                   time_of(X509_get0_notAfter(leaf_.get())),
                                   EVP_PKEY_get_base_id(key_.get())} {}

} // namespace weir::tls
