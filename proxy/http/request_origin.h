// The client that a request comes from: the peer of the connection, unless a trusted proxy names another one.
//
// Thread: pure functions and values.
// Lifetime: a RequestOrigin points to the text of the peer's address.
#pragma once

#include "conf/model/address_blocks.h"
#include "conf/model/ip_text.h"
#include "proxy/http/rewrite.h"

#include <optional>
#include <string_view>

namespace weir::proxy::http {

// The peer of a connection, or the source in its PROXY header.
struct RequestPeer {
    const conf::Address& address;
    std::string_view ip; // the address as text
    Trust trust;         // whether to believe what the peer's requests say about their clients
};

struct RequestOrigin {
    Trust trust;
    conf::Address address; // of the client: a proxy's connection carries requests of many clients
    std::string_view peer_ip;
    conf::IpText named_ip{}; // of the client, if a trusted proxy names it; otherwise empty
    bool is_known = true;    // false: a trusted proxy forwards for a client that it does not name

    std::string_view client_ip() const { return named_ip.view().empty() ? peer_ip : named_ip.view(); }
};

// Returns the origin of a request. `trusted` are the addresses of the listener's trusted proxies.
RequestOrigin find_origin(const RequestPeer& peer, const RequestHead& head, const conf::AddressBlocks& trusted);

// Returns the origin of bytes that are not a legal request, as far as they name one.
RequestOrigin find_refused_origin(const RequestPeer& peer, std::string_view bytes, const conf::AddressBlocks& trusted);

} // namespace weir::proxy::http
