#include "tls/client_sessions.h"

#include "tls/client_context.h"

#include <algorithm>
#include <utility>

namespace weir::tls {
namespace {

int owner_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

int settings_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

} // namespace

void ClientSessions::install(SSL_CTX* context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep);
}

void ClientSessions::attach(SSL* connection, std::shared_ptr<const ClientContext> context, const std::string& host) {
    if (context_ != context || host_ != host) {
        for (auto& session : kept_) session.reset();
        context_ = std::move(context);
        host_ = host;
        ++settings_;
    }
    SSL_set_ex_data(connection, owner_index(), this);
    SSL_set_ex_data(connection, settings_index(), reinterpret_cast<void*>(settings_));
    auto& newest = kept_.back();
    if (!newest) return;
    SSL_set_session(connection, newest.get());
    // A TLS 1.3 session is used only once (RFC 8446 appendix C.4).
    if (SSL_SESSION_get_protocol_version(newest.get()) < TLS1_3_VERSION) return;
    newest.reset();
    std::rotate(kept_.begin(), kept_.end() - 1, kept_.end());
}

// Returns 1 if the session is kept.
int ClientSessions::keep(SSL* connection, SSL_SESSION* session) {
    auto* const own = static_cast<ClientSessions*>(SSL_get_ex_data(connection, owner_index()));
    if (!own || SSL_get_ex_data(connection, settings_index()) != reinterpret_cast<void*>(own->settings_)) return 0;
    std::rotate(own->kept_.begin(), own->kept_.begin() + 1, own->kept_.end());
    own->kept_.back().reset(session);
    return 1;
}

} // namespace weir::tls
