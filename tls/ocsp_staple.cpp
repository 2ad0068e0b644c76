#include "tls/ocsp_staple.h"

#include "base/named_file.h"

#include <ctime>

#include <openssl/err.h>
#include <openssl/ocsp.h>

namespace weir::tls {
namespace {

constexpr std::size_t max_response_bytes = 64 * 1024;

using Basic = std::unique_ptr<OCSP_BASICRESP, Free<OCSP_BASICRESP_free>>;

// What a response says about one certificate.
struct Entry {
    int status = V_OCSP_CERTSTATUS_UNKNOWN;
    ASN1_GENERALIZEDTIME *from = nullptr, *until = nullptr; // `until` may be null
};

// Returns null if the bytes are not a successful response.
Basic parse(const std::string& bytes) {
    const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
    const std::unique_ptr<OCSP_RESPONSE, Free<OCSP_RESPONSE_free>> response(
        d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(bytes.size())));
    if (!response || OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL) return nullptr;
    return Basic(OCSP_response_get1_basic(response.get()));
}

// Looks the certificate up under every hash that responders use. Returns false if the response is not about it.
bool find(OCSP_BASICRESP* basic, const Certificate& certificate, Entry& entry) {
    for (const auto* hash : {EVP_sha1(), EVP_sha256()}) {
        const std::unique_ptr<OCSP_CERTID, Free<OCSP_CERTID_free>> id(
            OCSP_cert_to_id(hash, certificate.leaf(), certificate.issuers().front().get()));
        if (id && OCSP_resp_find_status(basic, id.get(), &entry.status, nullptr, nullptr, &entry.from, &entry.until))
            return true;
    }
    return false;
}

// Returns true if the issuer of the certificate, or a responder that it has authorized, has signed the response.
bool is_signed(OCSP_BASICRESP* basic, X509* issuer) {
    const std::unique_ptr<X509_STORE, Free<X509_STORE_free>> store(X509_STORE_new());
    X509_STORE_add_cert(store.get(), issuer);
    X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN); // the issuer may be an intermediate authority
    auto* const signers = sk_X509_new_null();
    sk_X509_push(signers, issuer);
    const bool verified = OCSP_basic_verify(basic, signers, store.get(), 0) == 1;
    sk_X509_free(signers);
    return verified;
}

OcspStaple::Time time_of(const ASN1_GENERALIZEDTIME* time, OcspStaple::Time otherwise) {
    std::tm parts{};
    if (!time || ASN1_TIME_to_tm(time, &parts) != 1) return otherwise;
    return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

// Returns what is wrong with a response; empty if nothing is.
std::string find_problem(OCSP_BASICRESP* basic, const Certificate& certificate, Entry& entry) {
    if (!basic) return "holds no successful OCSP response in DER format";
    if (certificate.issuers().empty())
        return "cannot be verified: the certificate's file lacks the certificate of its issuer";
    if (!find(basic, certificate, entry)) return "is about another certificate: request a new response";
    if (!is_signed(basic, certificate.issuers().front().get()))
        return "is not signed by the certificate's issuer, or by a responder of it";
    if (entry.status == V_OCSP_CERTSTATUS_REVOKED)
        return "says that the certificate was revoked: replace the certificate";
    if (entry.status != V_OCSP_CERTSTATUS_GOOD) return "says that the issuer does not know the certificate";
    return {};
}

} // namespace

Result<std::shared_ptr<const OcspStaple>> OcspStaple::load(const std::string& path, const Certificate& certificate) {
    auto bytes = read_named_file(path, "an OCSP response in DER format", max_response_bytes);
    if (!bytes) return bytes.error();
    const auto basic = parse(*bytes);
    Entry entry;
    const auto problem = find_problem(basic.get(), certificate, entry);
    ERR_clear_error();
    if (!problem.empty()) return Error(path + " " + problem);
    const auto from = time_of(entry.from, Time::min()), until = time_of(entry.until, Time::max());
    return std::shared_ptr<const OcspStaple>(new OcspStaple(*std::move(bytes), from, until));
}

} // namespace weir::tls
