// A connection that is not driven by an executor: its owner polls the socket. It moves between an AsyncStream and
// owners of many connections.
//
// Thread: one at a time.
// Lifetime: owns the socket and the TLS session.
#pragma once

#include "base/unique_fd.h"
#include "tls/openssl_ptr.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace weir::net {

struct DetachedStream {
    UniqueFd socket; // non-blocking
    tls::SslPtr tls; // null: plain

    // Returns the number of bytes received, 0 if the peer closed the connection or it failed, or nothing if no data is
    // available yet.
    std::optional<std::size_t> receive(std::span<char> into) const;
    // Sends without waiting. Returns false if not all bytes were sent; the connection must then be closed.
    bool send(std::string_view bytes) const;
};

} // namespace weir::net
