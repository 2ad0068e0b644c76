#include "tls/server_context.h"

#include "tls/client_hello.h"
#include "tls/openssl_error.h"
#include "tls/profile.h"

#include <algorithm>
#include <array>
#include <utility>

#include <openssl/sha.h>

namespace weir::tls {
namespace {

std::string client_policy_of(const ServerOptions& options) {
    if (options.client_auth == ClientAuth::none) return {};
    return (options.client_auth == ClientAuth::require ? "requires " : "requests ") + options.client_roots->id();
}

Result<void> check_ciphers(const std::string& ciphers) {
    const auto unknown = find_unknown_cipher(ciphers);
    if (unknown.empty()) return {};
    if (unknown.starts_with("TLS_"))
        return Error("\"" + unknown + "\" is a cipher suite of TLS 1.3: leave it out, they are always on");
    return Error("\"" + unknown + "\" names no cipher (openssl ciphers -v shows the names)");
}

Error openssl_error(const std::string& what) { return Error(what + ": " + take_openssl_reason()); }

} // namespace

ServerContext::ServerContext(ServerOptions options)
    : options_(std::move(options)), client_policy_(client_policy_of(options_)) {
    for (const auto& name : options_.alpn) protocols_ += static_cast<char>(name.size()) + name;
}

Result<std::shared_ptr<const ServerContext>> ServerContext::make(ServerOptions options) {
    std::shared_ptr<ServerContext> made(new ServerContext(std::move(options)));
    if (const auto prepared = made->prepare(); !prepared) return prepared.error();
    return std::shared_ptr<const ServerContext>(std::move(made));
}

Result<void> ServerContext::prepare() {
    if (const auto known = check_ciphers(options_.ciphers); !known) return known;
    for (const auto& certificate : options_.certificates) {
        for (const auto& name : certificate->facts().names) {
            const auto context = context_for(choose_for(name));
            if (!context) return context.error();
            names_.try_emplace(name, *context);
        }
    }
    const auto& first = options_.certificates.front()->facts().names;
    const auto context = context_for(first.empty() ? Choice{0} : choose_for(first.front()));
    if (!context) return context.error();
    default_ = *context;
    return {};
}

// Returns the certificates for a name: for each key type, the first certificate that lists the name, otherwise the
// first with a wildcard that covers it.
ServerContext::Choice ServerContext::choose_for(const std::string& name) const {
    const auto& all = options_.certificates;
    const auto wildcard = name.starts_with("*.") ? name : "*" + name.substr(std::min(name.find('.'), name.size()));
    Choice choice;
    for (const auto& wanted : {name, wildcard}) {
        for (std::size_t i = 0; i < all.size(); ++i) {
            const auto& facts = all[i]->facts();
            const bool known_type = std::ranges::any_of(
                choice, [&](auto chosen) { return all[chosen]->facts().key_type == facts.key_type; });
            if (!known_type && std::ranges::count(facts.names, wanted) > 0) choice.push_back(i);
        }
    }
    return choice;
}

Result<SSL_CTX*> ServerContext::context_for(const Choice& choice) {
    auto& context = contexts_[choice];
    if (context) return context.get();
    auto made = make_context();
    if (!made) return made.error();
    context = *std::move(made);
    for (const auto i : choice)
        if (!use_certificate(context.get(), *options_.certificates[i]))
            return openssl_error("a certificate cannot be used");
    return context.get();
}

Result<SslCtxPtr> ServerContext::make_context() {
    SslCtxPtr made(SSL_CTX_new(TLS_server_method()));
    if (!made) return openssl_error("a TLS context cannot be made");
    auto* const context = made.get();
    if (!set_profile(context, options_.ciphers))
        return openssl_error("\"" + options_.ciphers + "\" is not a cipher list that OpenSSL accepts");
    const bool modern = options_.min_version == MinVersion::tls1_3;
    SSL_CTX_set_min_proto_version(context, modern ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); // sessions are kept in tickets only
    SSL_CTX_set_num_tickets(context, 1);
    if (options_.client_auth != ClientAuth::none) request_client_certificates(context);
    const auto text = options_.id + "\n" + client_policy_;
    std::array<unsigned char, SHA256_DIGEST_LENGTH> id;
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), id.data());
    SSL_CTX_set_session_id_context(context, id.data(), id.size());
    options_.tickets->install(context);
    SSL_CTX_set_client_hello_cb(context, choose_certificate, this);
    // Like the macros SSL_CTX_set_tlsext_status_cb and SSL_CTX_set_tlsext_status_arg, but without their C-style casts.
    SSL_CTX_callback_ctrl(context, SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB, reinterpret_cast<void (*)()>(staple));
    SSL_CTX_ctrl(context, SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB_ARG, 0, this);
    if (!protocols_.empty()) SSL_CTX_set_alpn_select_cb(context, choose_protocol, this);
    return made;
}

void ServerContext::request_client_certificates(SSL_CTX* context) const {
    options_.client_roots->install(context);
    for (const auto& root : options_.client_roots->certificates()) SSL_CTX_add_client_CA(context, root.get());
    const bool required = options_.client_auth == ClientAuth::require;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
}

SslPtr ServerContext::new_session() const {
    SslPtr session(SSL_new(default_));
    if (session) SSL_set_accept_state(session.get());
    return session;
}

// Returns the context for a name in lower case: an exact name first, then a wildcard for its first label.
SSL_CTX* ServerContext::find(std::string_view name) const {
    if (const auto found = names_.find(name); found != names_.end()) return found->second;
    const auto dot = name.find('.');
    if (dot == std::string_view::npos || dot == 0) return default_;
    const auto found = names_.find("*" + std::string(name.substr(dot)));
    return found != names_.end() ? found->second : default_;
}

// Runs before the rest of the ClientHello is processed, so that no session of another context is resumed by mistake.
int ServerContext::choose_certificate(SSL* session, int*, void* self) {
    const auto& own = *static_cast<const ServerContext*>(self);
    const auto name = server_name(session);
    if (own.options_.client_auth != ClientAuth::none) keep_server_name(session, name);
    auto* const chosen = own.find(name);
    if (chosen == SSL_get_SSL_CTX(session)) return SSL_CLIENT_HELLO_SUCCESS;
    SSL_set_SSL_CTX(session, chosen); // sets certificates and callbacks, but none of these:
    SSL_set_options(session, SSL_CTX_get_options(chosen));
    SSL_set_verify(session, SSL_CTX_get_verify_mode(chosen), SSL_CTX_get_verify_callback(chosen));
    SSL_set_num_tickets(session, SSL_CTX_get_num_tickets(chosen));
    return SSL_CLIENT_HELLO_SUCCESS;
}

// Runs when a client asks for the status of the certificate that was chosen for it.
int ServerContext::staple(SSL* session, void* self) {
    const auto& own = static_cast<const ServerContext*>(self)->options_;
    const auto* const chosen = SSL_get_certificate(session);
    for (std::size_t i = 0; i < own.staples.size(); ++i) {
        const auto& found = own.staples[i];
        if (own.certificates[i]->leaf() != chosen || !found) continue;
        if (!found->is_current(std::chrono::system_clock::now())) break;
        auto* const copy = OPENSSL_memdup(found->bytes().data(), found->bytes().size()); // the session frees it
        if (!copy) break;
        SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_STATUS_REQ_OCSP_RESP, static_cast<long>(found->bytes().size()), copy);
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
}

int ServerContext::choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                                   const unsigned char* offered, unsigned offered_size, void* self) {
    const auto& own = static_cast<const ServerContext*>(self)->protocols_;
    unsigned char* found = nullptr;
    if (SSL_select_next_proto(&found, chosen_size, reinterpret_cast<const unsigned char*>(own.data()),
                              static_cast<unsigned>(own.size()), offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; // RFC 7301 section 3.2
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

} // namespace weir::tls
