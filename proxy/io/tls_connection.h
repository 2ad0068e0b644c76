// TLS over a socket: decrypts what arrives and encrypts what is sent.
//
//   socket ─→ input ─→ OpenSSL ─→ receive()          send() ─→ OpenSSL ─→ output ─→ socket
//
// OpenSSL reads records from `input` and writes them to `output`, so it never waits for the socket itself. send()
// takes bytes only while `output` is empty; what the kernel does not take at once is sent when the socket has an event.
// Both buffers hold memory only while there are bytes in them.
//
// Thread: one worker's thread.
// Lifetime: the socket and the pool must outlive it; it must not move.
#pragma once

#include "proxy/io/buffer.h"
#include "proxy/io/socket.h"
#include "tls/client_identity.h"
#include "tls/openssl_ptr.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace weir::proxy {

enum class HandshakeStatus { pending, done, failed };

// The parameters that a finished handshake has negotiated. The texts are static.
struct TlsFacts {
    std::string_view version; // "TLSv1.3"
    std::string_view cipher;  // "TLS_AES_128_GCM_SHA256"
};

class TlsConnection {
public:
    // `session` is in accept or connect state. `first` has been received from the socket already. Blocks of `pool` must
    // have room for at least one record of the largest size (16 KiB and its overhead).
    TlsConnection(tls::SslPtr session, Socket& socket, BufferPool& pool, std::string_view first);
    ~TlsConnection();
    TlsConnection(const TlsConnection&) = delete;
    TlsConnection& operator=(const TlsConnection&) = delete;

    // Continues the handshake with the bytes that have arrived. After `failed`, error() has the reason, and the alert
    // has been sent to the peer if the kernel took it.
    HandshakeStatus handshake();
    // Returns false if the next step of a server's handshake only checks the client's Finished message, which takes
    // some microseconds. Other steps compute signatures and shared secrets, or verify certificates.
    bool is_next_step_heavy() const;
    // Returns the reason for which the handshake or the connection failed; empty if it has not. The text is static.
    const char* error() const { return error_; }
    // Returns true if the peer sent a plain HTTP request (GET, HEAD, POST or PUT) instead of a ClientHello.
    bool got_plain_http() const { return got_plain_http_; }
    // Returns true if the peer has ended the connection with a fatal alert, which error() names.
    bool got_alert() const { return got_alert_; }
    // Returns true once the peer has sent something, whatever it was.
    bool has_received() const { return received_; }
    bool is_resumed() const { return SSL_session_reused(session_.get()) == 1; }
    TlsFacts facts() const;
    // Returns the protocol that ALPN has chosen (RFC 7301), such as "h2"; empty if the peer did not ask for one.
    std::string_view protocol() const;
    // Returns what is known about the client. The handshake must be complete.
    tls::ClientIdentity client(std::string policy) const {
        return tls::identify_client(session_.get(), std::move(policy));
    }

    // Stays true once the peer has ended the connection or it has failed, as with a socket.
    bool readable() const {
        return outcome_ || SSL_pending(session_.get()) > 0 || !input_.empty() || socket_.readable();
    }
    bool writable() const { return output_.empty() && socket_.writable(); }
    // Returns true once the peer's close_notify has been read: it will send no more (RFC 8446 section 6.1).
    bool close_notified() const { return outcome_ && outcome_->status == IoStatus::end; }
    // Returns true if there are decrypted bytes to read. Reads records from the socket to find out.
    bool has_data();

    // Like Socket::receive. The status is `end` only after the peer's close_notify: a connection that is closed without
    // it has `failed`, since an attacker could have cut it.
    IoResult receive(std::span<char> into);
    // Like Socket::send. Takes up to about 48 KiB at a time, in records of up to 16 KiB.
    IoResult send(std::span<const iovec> parts);
    // Sends encrypted bytes that the kernel has not taken yet. Returns true if none are left.
    bool flush();
    std::size_t unsent_bytes() const { return output_.size(); }
    // Queues close_notify and tries to send it. Nothing can be sent afterwards.
    void finish_sending();

private:
    friend struct TlsTransport; // the callbacks of the BIO
    int read(char* into, std::size_t size, std::size_t& done);
    int write(const char* bytes, std::size_t size, std::size_t& done);

    bool fill();
    bool is_flooded() const;
    void note_end(int result);
    bool has_room();
    bool encrypt(const char* bytes, std::size_t size);
    std::size_t encrypt_part(const iovec& part);
    std::size_t encrypt_together(std::span<const iovec> parts);
    const char* text_of(unsigned long code) const;
    IoResult fail();

    Socket& socket_;
    BufferPool& pool_;
    tls::SslPtr session_;
    Buffer input_, output_;
    const char* error_ = "";
    IoResult broken_{IoStatus::ok};   // the socket's end or failure, once it has been read
    std::optional<IoResult> outcome_; // how the connection has ended: nothing more can be read
    std::size_t taken_ = 0;           // bytes that OpenSSL has taken since the last data
    int fills_ = 0;                   // reads from the socket in this call
    bool received_ = false, got_plain_http_ = false, got_alert_ = false, finished_ = false;
};

} // namespace weir::proxy
