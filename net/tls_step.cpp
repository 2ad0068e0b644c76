#include "net/tls_step.h"

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>

#include <cerrno>

#include <openssl/err.h>

namespace weir::net {
namespace {

namespace asio = boost::asio;

void forget_errors() {
    ERR_clear_error();
    errno = 0;
}

// Returns the step that ended with this result of an SSL function.
TlsStep step_of(SSL* session, int result, std::size_t bytes) {
    const int system_error = errno;
    switch (SSL_get_error(session, result)) {
    case SSL_ERROR_NONE: return {.bytes = bytes};
    case SSL_ERROR_WANT_READ: return {.next = TlsStep::Next::wait_for_read};
    case SSL_ERROR_WANT_WRITE: return {.next = TlsStep::Next::wait_for_write};
    case SSL_ERROR_ZERO_RETURN: return {.error = asio::error::eof};
    default: break;
    }
    const auto reason = ERR_get_error();
    ERR_clear_error();
    if (ERR_GET_REASON(reason) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return {.error = asio::ssl::error::stream_truncated};
    if (reason != 0) return {.error = {static_cast<int>(reason), asio::error::get_ssl_category()}};
    if (system_error != 0) return {.error = {system_error, boost::system::system_category()}};
    return {.error = asio::ssl::error::stream_truncated};
}

} // namespace

TlsStep try_read(SSL* session, asio::mutable_buffer into) {
    if (into.size() == 0) return {};
    forget_errors();
    std::size_t bytes = 0;
    const int result = SSL_read_ex(session, into.data(), into.size(), &bytes);
    return step_of(session, result, bytes);
}

TlsStep try_write(SSL* session, asio::const_buffer bytes) {
    if (bytes.size() == 0) return {};
    forget_errors();
    std::size_t taken = 0;
    const int result = SSL_write_ex(session, bytes.data(), bytes.size(), &taken);
    return step_of(session, result, taken);
}

TlsStep try_handshake(SSL* session) {
    forget_errors();
    const int result = SSL_do_handshake(session);
    return step_of(session, result, 0);
}

Error handshake_error(SSL* session, const boost::system::error_code& code) {
    const auto verdict = SSL_get_verify_result(session);
    if (SSL_get_verify_mode(session) != SSL_VERIFY_NONE && verdict != X509_V_OK)
        return Error(X509_verify_cert_error_string(verdict));
    return {code, code == asio::ssl::error::stream_truncated ? "the connection was closed" : code.message()};
}

} // namespace weir::net
