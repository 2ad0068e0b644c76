#include "proxy/io/tls_connection.h"

#include "tls/bio.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <openssl/err.h>

namespace weir::proxy {
namespace {

constexpr std::size_t largest_record = 16 * 1024;   // payload (RFC 8446 section 5.1)
constexpr std::size_t max_without_data = 32 * 1024; // bytes of records that hold no data, in a row
constexpr int max_fills = 2; // reads from the socket in one call, so that tiny records do not make it long
constexpr std::size_t record_overhead = 256; // more than any header, padding and tag

} // namespace

// The callbacks of the BIO.
struct TlsTransport {
    static TlsConnection& of(BIO* bio) { return *static_cast<TlsConnection*>(BIO_get_data(bio)); }
    static int read(BIO* bio, char* into, std::size_t size, std::size_t* done) {
        BIO_clear_retry_flags(bio);
        return of(bio).read(into, size, *done);
    }
    static int write(BIO* bio, const char* bytes, std::size_t size, std::size_t* done) {
        BIO_clear_retry_flags(bio);
        return of(bio).write(bytes, size, *done);
    }
    static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

    static const BIO_METHOD* method() {
        static const BIO_METHOD* const made = tls::make_bio_method("weir", read, write, control);
        return made;
    }
};

TlsConnection::TlsConnection(tls::SslPtr session, Socket& socket, BufferPool& pool, std::string_view first)
    : socket_(socket), pool_(pool), session_(std::move(session)) {
    tls::use_bio(session_.get(), TlsTransport::method(), this);
    if (first.empty()) return;
    received_ = true;
    input_ = Buffer(pool_);
    if (!input_.append(first)) {
        input_.grow(first.size());
        input_.append(first);
    }
}

// Otherwise OpenSSL would take the session for damaged, and later connections could not resume it.
TlsConnection::~TlsConnection() { SSL_set_shutdown(session_.get(), SSL_SENT_SHUTDOWN); }

// OpenSSL reads on through records without data, and answers them: a flood of KeyUpdates must not keep it busy.
bool TlsConnection::is_flooded() const { return taken_ > max_without_data && SSL_is_init_finished(session_.get()); }

// Reads from the socket into the empty input buffer. Returns false if nothing has arrived.
bool TlsConnection::fill() {
    if (broken_.status == IoStatus::ok && is_flooded()) broken_ = {IoStatus::failed, 0, ECONNRESET};
    if (broken_.status != IoStatus::ok) return false;
    ++fills_;
    if (!input_.has_memory()) input_ = Buffer(pool_);
    input_.rewind();
    const auto result = socket_.receive(input_.space());
    if (result.status == IoStatus::end || result.status == IoStatus::failed) broken_ = result;
    if (result.status != IoStatus::ok) return false;
    input_.fill(result.bytes);
    received_ = true;
    return true;
}

int TlsConnection::read(char* into, std::size_t size, std::size_t& done) {
    done = 0;
    if ((input_.empty() || is_flooded()) && !fill()) {
        if (broken_.status == IoStatus::ok) BIO_set_retry_read(SSL_get_rbio(session_.get()));
        return 0;
    }
    done = std::min(size, input_.size());
    std::memcpy(into, input_.data(), done);
    input_.consume(done);
    taken_ += done;
    return 1;
}

int TlsConnection::write(const char* bytes, std::size_t size, std::size_t& done) {
    if (!output_.has_memory()) output_ = Buffer(pool_);
    if (!output_.append({bytes, size})) {
        output_.compact();
        output_.grow(2 * (output_.size() + size) + largest_record);
        output_.append({bytes, size});
    }
    done = size;
    return 1;
}

bool TlsConnection::flush() {
    while (!output_.empty()) {
        const iovec part{output_.data(), output_.size()};
        const auto result = socket_.send({&part, 1});
        if (result.status == IoStatus::failed) output_.rewind(); // the peer is gone: discard the rest
        if (result.status != IoStatus::ok) return output_.empty();
        output_.consume(result.bytes);
    }
    output_.release(); // an idle connection holds no buffer
    return true;
}

HandshakeStatus TlsConnection::handshake() {
    ERR_clear_error();
    const int result = SSL_do_handshake(session_.get());
    const int status = SSL_get_error(session_.get(), result);
    if (result != 1 && status != SSL_ERROR_WANT_READ) fail();
    flush();
    if (input_.empty()) input_.release();
    if (result == 1) return HandshakeStatus::done;
    return status == SSL_ERROR_WANT_READ ? HandshakeStatus::pending : HandshakeStatus::failed;
}

bool TlsConnection::is_next_step_heavy() const {
    auto* const session = session_.get();
    // OpenSSL is in this state after its own Finished, but also after a HelloRetryRequest, when no key is agreed on
    // yet.
    const bool waits_for_finished =
        SSL_get_state(session) == TLS_ST_EARLY_DATA && SSL_version(session) == TLS1_3_VERSION;
    if (!waits_for_finished || SSL_get_verify_mode(session) != SSL_VERIFY_NONE) return true;
    EVP_PKEY* key = nullptr;
    const bool has_key = SSL_ctrl(session, SSL_CTRL_GET_PEER_TMP_KEY, 0, static_cast<void*>(&key)) == 1;
    EVP_PKEY_free(key);
    return !has_key;
}

std::string_view TlsConnection::protocol() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(session_.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
}

TlsFacts TlsConnection::facts() const {
    if (!SSL_is_init_finished(session_.get())) return {};
    return {SSL_get_version(session_.get()), SSL_CIPHER_get_name(SSL_get_current_cipher(session_.get()))};
}

// Returns the text for an error of OpenSSL.
const char* TlsConnection::text_of(unsigned long code) const {
    const char* const reason = ERR_reason_error_string(code);
    if (ERR_GET_LIB(code) != ERR_LIB_SSL) return reason ? reason : "the TLS connection failed";
    switch (ERR_GET_REASON(code)) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED: return X509_verify_cert_error_string(SSL_get_verify_result(session_.get()));
    case SSL_R_WRONG_VERSION_NUMBER: return "wrong version number: the peer does not seem to speak TLS";
    default: return reason ? reason : "the TLS connection failed";
    }
}

// Records the reason for which the connection failed, and returns the result of the read or write.
IoResult TlsConnection::fail() {
    const auto code = ERR_peek_last_error();
    got_plain_http_ = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST;
    got_alert_ = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET;
    if (!got_alert_ && broken_.status == IoStatus::failed) error_ = "the connection was reset";
    else if (!got_alert_ && broken_.status == IoStatus::end) error_ = "the connection was closed without close_notify";
    else error_ = text_of(code);
    ERR_clear_error();
    // A connection that closes without close_notify counts as reset.
    return {IoStatus::failed, 0, broken_.status == IoStatus::failed ? broken_.error : ECONNRESET};
}

// Stores how the connection has ended, unless a read has only run out of bytes. OpenSSL itself would report an end in
// order after a fatal alert.
void TlsConnection::note_end(int result) {
    const int status = SSL_get_error(session_.get(), result);
    if (status == SSL_ERROR_ZERO_RETURN) outcome_ = IoResult{IoStatus::end};
    else if (status != SSL_ERROR_WANT_READ) outcome_ = fail();
    ERR_clear_error();
}

bool TlsConnection::has_data() {
    if (outcome_) return false;
    char byte;
    std::size_t got = 0;
    ERR_clear_error();
    fills_ = 0;
    const int result = SSL_peek_ex(session_.get(), &byte, 1, &got);
    if (result == 1) taken_ = 0;
    else note_end(result);
    flush(); // a response to a KeyUpdate
    if (input_.empty()) input_.release();
    return result == 1;
}

IoResult TlsConnection::receive(std::span<char> into) {
    if (outcome_) return *outcome_;
    std::size_t total = 0;
    ERR_clear_error();
    fills_ = 0;
    while (total < into.size() && (total == 0 || (readable() && fills_ < max_fills))) {
        std::size_t got = 0;
        const int result = SSL_read_ex(session_.get(), into.data() + total, into.size() - total, &got);
        if (result != 1) {
            note_end(result);
            break;
        }
        total += got;
        taken_ = 0;
    }
    if (input_.empty()) input_.release();
    if (total > 0) return {IoStatus::ok, total}; // the next call returns how it has ended
    if (outcome_) return *outcome_;
    flush(); // a response to a KeyUpdate
    return {IoStatus::would_block};
}

bool TlsConnection::encrypt(const char* bytes, std::size_t size) {
    std::size_t done = 0;
    ERR_clear_error();
    return SSL_write_ex(session_.get(), bytes, size, &done) == 1 && done == size;
}

bool TlsConnection::has_room() { return output_.space().size() >= largest_record + record_overhead; }

// Encrypts one part, in records of the largest size. Returns the number of bytes that it took.
std::size_t TlsConnection::encrypt_part(const iovec& part) {
    const auto* const bytes = static_cast<const char*>(part.iov_base);
    std::size_t at = 0;
    while (at < part.iov_len && has_room()) {
        const auto size = std::min(part.iov_len - at, largest_record);
        if (!encrypt(bytes + at, size)) break;
        at += size;
    }
    return at;
}

// Encrypts several parts into shared records, so that a head and the first piece of a body take one record.
std::size_t TlsConnection::encrypt_together(std::span<const iovec> parts) {
    char record[largest_record];
    std::size_t taken = 0;
    for (std::size_t part = 0, at = 0; part < parts.size() && has_room();) {
        std::size_t size = 0;
        while (part < parts.size() && size < largest_record) {
            const auto piece = std::min(parts[part].iov_len - at, largest_record - size);
            std::memcpy(record + size, static_cast<const char*>(parts[part].iov_base) + at, piece);
            size += piece;
            at += piece;
            if (at == parts[part].iov_len) ++part, at = 0;
        }
        if (!encrypt(record, size)) break;
        taken += size;
    }
    return taken;
}

IoResult TlsConnection::send(std::span<const iovec> parts) {
    if (!flush() || !socket_.writable()) return {IoStatus::would_block};
    if (!output_.has_memory()) output_ = Buffer(pool_);
    const auto taken = parts.size() == 1 ? encrypt_part(parts[0]) : encrypt_together(parts);
    if (taken == 0) return fail(); // there is room for a record, and no part is empty
    flush();
    return {IoStatus::ok, taken};
}

void TlsConnection::finish_sending() {
    if (std::exchange(finished_, true) || !SSL_is_init_finished(session_.get())) return;
    if (broken_.status != IoStatus::ok) return; // the peer has gone
    ERR_clear_error();
    SSL_shutdown(session_.get());
    ERR_clear_error();
    flush();
}

} // namespace weir::proxy
