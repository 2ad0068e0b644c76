// The client's end of a TLS connection in memory, for tests of servers.
//
// Thread: one at a time.
// Lifetime: owns its session.
#pragma once

#include "tls/openssl_ptr.h"

#include <string>
#include <string_view>

namespace weir::tests {

class TlsClient {
public:
    explicit TlsClient(const char* name = nullptr, int highest_version = TLS1_3_VERSION)
        : context_(SSL_CTX_new(TLS_client_method())) {
        SSL_CTX_set_max_proto_version(context_.get(), highest_version);
        session_.reset(SSL_new(context_.get()));
        SSL_set_bio(session_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_connect_state(session_.get());
        if (name) set_name(name);
    }

    SSL* session() const { return session_.get(); }
    SSL_CTX* context() const { return context_.get(); }

    // Continues the handshake with bytes from the server. Returns the bytes to send to the server.
    std::string shake_hands(std::string_view from_server) {
        take(from_server);
        SSL_do_handshake(session_.get());
        return to_send();
    }
    bool is_done() const { return SSL_is_init_finished(session_.get()) == 1; }

    void take(std::string_view from_server) {
        if (!from_server.empty())
            BIO_write(SSL_get_rbio(session_.get()), from_server.data(), static_cast<int>(from_server.size()));
    }
    std::string to_send() {
        auto* const out = SSL_get_wbio(session_.get());
        std::string bytes(static_cast<std::size_t>(BIO_pending(out)), '\0');
        BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
        return bytes;
    }
    // Returns the encrypted form of `text`.
    std::string encrypt(std::string_view text) {
        SSL_write(session_.get(), text.data(), static_cast<int>(text.size()));
        return to_send();
    }
    // Returns the decrypted contents of the server's bytes.
    std::string decrypt(std::string_view from_server) {
        take(from_server);
        std::string text;
        char piece[4096];
        for (int got = 0; (got = SSL_read(session_.get(), piece, sizeof piece)) > 0;)
            text.append(piece, static_cast<std::size_t>(got));
        return text;
    }
    bool was_told_to_close() const { return SSL_get_shutdown(session_.get()) & SSL_RECEIVED_SHUTDOWN; }

private:
    void set_name(const char* name) {
        SSL_ctrl(session_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(name));
    }

    tls::SslCtxPtr context_;
    tls::SslPtr session_;
};

} // namespace weir::tests
