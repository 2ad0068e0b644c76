// The result of one OpenSSL call on a non-blocking socket.
//
// Thread: the session's.
// Lifetime: values.
#pragma once

#include "base/result.h"
#include "tls/openssl_ptr.h"

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>

namespace weir::net {

struct TlsStep {
    enum class Next { complete, wait_for_read, wait_for_write };
    Next next = Next::complete;
    boost::system::error_code error = {}; // eof: after the peer's close_notify; stream_truncated: closed without it
    std::size_t bytes = 0;
};

// Reads or writes part of a buffer. With an empty buffer, the step is complete.
TlsStep try_read(SSL* session, boost::asio::mutable_buffer into);
TlsStep try_write(SSL* session, boost::asio::const_buffer bytes);
TlsStep try_handshake(SSL* session);

// Returns the error for a handshake that failed with `code`. If the peer's certificate was not accepted, the message is
// the verdict on it and the error has no code.
Error handshake_error(SSL* session, const boost::system::error_code& code);

} // namespace weir::net
