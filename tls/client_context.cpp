#include "tls/client_context.h"

#include "tls/client_sessions.h"
#include "tls/openssl_error.h"
#include "tls/profile.h"

#include <utility>

#include <openssl/x509v3.h>

namespace weir::tls {
namespace {

std::string id_of(const ClientOptions& options) {
    std::string certificate = "no certificate";
    if (options.certificate) {
        certificate = options.certificate->facts().fingerprint;
        for (const auto& issuer : options.certificate->issuers()) certificate += " " + fingerprint_of(issuer.get());
    }
    const bool verifies = options.verification == Verification::required;
    return std::string(verifies ? "verified by " + options.roots->id() : "not verified") + " as " +
           (options.server_name.empty() ? "*" : options.server_name) + " with " + certificate;
}

// Makes the handshake fail unless the server's certificate is for `name`, a DNS name or an IP address. A DNS name is
// also sent to the server (RFC 6066 section 3).
bool expect_name(SSL* session, const std::string& name, Verification verification) {
    auto* const rules = SSL_get0_param(session);
    if (X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str()) == 1) return true;
    if (SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(name.c_str())) !=
        1)
        return false;
    if (verification == Verification::none) return true;
    SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(session, name.c_str()) == 1;
}

// Returns names that are separated by commas as ALPN sends them: each after its length.
std::string encode_protocols(std::string_view names) {
    std::string out;
    for (;;) {
        const auto name = names.substr(0, names.find(','));
        out += static_cast<char>(name.size());
        out += name;
        if (name.size() == names.size()) return out;
        names.remove_prefix(name.size() + 1);
    }
}

} // namespace

ClientContext::ClientContext(ClientOptions options) : options_(std::move(options)), id_(id_of(options_)) {}

Result<std::shared_ptr<const ClientContext>> ClientContext::make(ClientOptions options) {
    std::shared_ptr<ClientContext> made(new ClientContext(std::move(options)));
    if (const auto prepared = made->prepare(); !prepared) return prepared.error();
    return std::shared_ptr<const ClientContext>(std::move(made));
}

Result<void> ClientContext::prepare() {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    if (!context_) return Error("a TLS context cannot be made: " + take_openssl_reason());
    auto* const context = context_.get();
    set_profile(context, "DEFAULT"); // an old backend is better than none
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    if (options_.verification == Verification::required) {
        options_.roots->install(context);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    }
    if (options_.certificate && !use_certificate(context, *options_.certificate))
        return Error("the client certificate cannot be used: " + take_openssl_reason());
    ClientSessions::install(context);
    return {};
}

SslPtr ClientContext::new_session(const std::string& host, std::string_view alpn) const {
    SslPtr session(SSL_new(context_.get()));
    if (!session) return session;
    SSL_set_connect_state(session.get());
    const auto& name = options_.server_name.empty() ? host : options_.server_name;
    if (!name.empty() && !expect_name(session.get(), name, options_.verification)) return nullptr;
    if (alpn.empty()) return session;
    const auto protocols = encode_protocols(alpn);
    SSL_set_alpn_protos(session.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                        static_cast<unsigned>(protocols.size()));
    return session;
}

} // namespace weir::tls
