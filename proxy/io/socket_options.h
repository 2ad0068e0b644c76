// The options of connections to clients and backends.
//
// Thread: any.
// Lifetime: keeps nothing.
#pragma once

#include <cstddef>

namespace weir::proxy {

// The initial limit on bytes that the kernel buffers for a peer but has not sent (TCP_NOTSENT_LOWAT); bytes in flight
// are not limited. By default the kernel buffers up to several megabytes (tcp_wmem).
inline constexpr std::size_t first_credit = 64 * 1024;

// Sets TCP_NODELAY and SO_OOBINLINE (urgent data is read in order, RFC 6093 section 6), and limits unsent bytes to
// `first_credit`. Accepted connections inherit these options from the listening socket.
void set_connection_options(int descriptor);

// Changes the limit on unsent bytes; 0: the system's default.
void limit_unsent(int descriptor, std::size_t bytes);

} // namespace weir::proxy
