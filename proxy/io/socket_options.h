// The options of connections to clients and backends.
//
// Thread: any.
// Lifetime: keeps nothing.
#pragma once

#include <cstddef>

namespace weir::proxy {

// The unsent bytes that the kernel holds for a peer at first; bytes in flight are not limited. By default the kernel
// holds up to several megabytes (tcp_wmem).
inline constexpr std::size_t first_credit = 64 * 1024;

// Sends small pieces at once, delivers urgent data in order (RFC 6093 section 6), and limits unsent bytes to
// `first_credit`. Connections inherit the options of the listening socket that they are accepted from.
void set_connection_options(int descriptor);

// Changes the limit on unsent bytes; 0: the system's default.
void limit_unsent(int descriptor, std::size_t bytes);

} // namespace weir::proxy
