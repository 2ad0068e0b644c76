// The PROXY protocol, versions 1 and 2: who connected to the proxy in front (HAProxy's proxy-protocol.txt). Read
// strictly: what the specification does not allow is refused, never guessed at.
//
// Thread: pure functions and values.
// Lifetime: nothing is kept.
#pragma once

#include "conf/config.h"

#include <cstddef>
#include <string_view>

namespace weir::proxy::tcp {

// The longest header that is read. Version 1 has at most 107 bytes; version 2 may carry certificates beside addresses.
inline constexpr std::size_t longest_proxy_header = 16 * 1024;

enum class ProxyHeaderStatus { incomplete, complete, refused };

// Whose connection it is.
enum class ProxyOrigin {
    client,  // the addresses'
    proxy,   // the proxy's own (LOCAL): a health check
    unknown, // someone's whose address cannot be told
};

struct ProxyHeader {
    ProxyHeaderStatus status = ProxyHeaderStatus::incomplete;
    std::size_t length = 0; // bytes of it
    ProxyOrigin origin = ProxyOrigin::unknown;
    conf::Address source, destination; // of ProxyOrigin::client
    const char* why = "";              // it was refused
};

// Reads the header at the front of `bytes`. `incomplete` promises that nothing so far is wrong.
ProxyHeader parse_proxy_header(std::string_view bytes);

// Room enough for any header that is written.
inline constexpr std::size_t longest_written_proxy_header = 128;

// Writes a header into `out`, which has room for the longest; returns its length. Addresses that are unset, or of two
// families, are told as unknown.
std::size_t write_proxy_header(char* out, conf::ProxyProtocol version, const conf::Address& source,
                               const conf::Address& destination);

} // namespace weir::proxy::tcp
