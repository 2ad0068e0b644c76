// The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): a header at the start of a connection names the
// client for which a proxy opened it. Parsing is strict: anything that the specification does not allow is refused.
//
// Thread: pure functions and values.
// Lifetime: the functions keep nothing.
#pragma once

#include "conf/model/config.h"

#include <cstddef>
#include <string_view>

namespace weir::proxy::tcp {

// The longest header that is accepted. Version 1 has at most 107 bytes; version 2 may carry certificates.
inline constexpr std::size_t longest_proxy_header = 16 * 1024;

enum class ProxyHeaderStatus { incomplete, complete, refused };

// Which party the connection belongs to.
enum class ProxyOrigin {
    client,  // the client with the addresses in the header
    proxy,   // the proxy itself (LOCAL): a health check
    unknown, // a client with an unknown address
};

struct ProxyHeader {
    ProxyHeaderStatus status = ProxyHeaderStatus::incomplete;
    std::size_t length = 0; // length of the header in bytes
    ProxyOrigin origin = ProxyOrigin::unknown;
    conf::Address source, destination; // of ProxyOrigin::client
    const char* reason = "";           // the reason if it was refused
};

// Parses the header at the front of `bytes`. `incomplete` means that there is no error so far.
ProxyHeader parse_proxy_header(std::string_view bytes);

// Enough room for any header that weir writes.
inline constexpr std::size_t longest_written_proxy_header = 128;

// Writes a header into `out`, which must have room for the longest. Returns its length in bytes. Writes "unknown" if an
// address is unset. If the families differ, the IPv4 address is written as ::ffff:192.0.2.1.
std::size_t write_proxy_header(char* out, conf::ProxyProtocol version, const conf::Address& source,
                               const conf::Address& destination);

} // namespace weir::proxy::tcp
