#include "tls/client_identity.h"

#include "tls/certificate.h"
#include "tls/client_hello.h"

#include <utility>

namespace weir::tls {

ClientIdentity identify_client(const SSL* session, std::string policy) {
    ClientIdentity identity{std::move(policy), kept_server_name(session), {}, {}, false};
    const auto* const certificate = SSL_get0_peer_certificate(session);
    if (!certificate || SSL_get_verify_result(session) != X509_V_OK) return identity;
    identity.subject = subject_of(certificate);
    identity.fingerprint = fingerprint_of(certificate);
    identity.has_expired = X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0;
    return identity;
}

} // namespace weir::tls
