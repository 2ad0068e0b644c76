// One attempt of OpenSSL to make progress on a non-blocking socket.
//
// Thread: the session's.
// Lifetime: values.
#pragma once

#include "tls/openssl_ptr.h"

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <string>

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

// Returns why a handshake failed with `error`: the verdict on the peer's certificate if this was the reason.
std::string handshake_reason(SSL* session, const boost::system::error_code& error);

} // namespace weir::net
