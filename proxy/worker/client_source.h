// Where a client's connection comes from: its peer, or the source in the PROXY header that the peer has sent.
//
// Thread: values.
// Lifetime: owns its texts.
#pragma once

#include "proxy/io/stream.h"
#include "proxy/proxy_protocol/proxy_protocol.h"
#include "proxy/snapshot/snapshot.h"

#include <string>
#include <string_view>
#include <utility>

namespace weir::proxy {

struct ClientSource {
    explicit ClientSource(const conf::Address& peer) : address(peer), ip(peer.ip_text()) {}

    conf::Address address;     // of the client: the peer, or the source in the peer's PROXY header
    conf::Address destination; // the destination in a PROXY header, if there was one
    std::string ip;            // of `address`
    std::string peer_ip;       // of the connection itself, if a PROXY header gave another address
    tcp::ProxyOrigin origin = tcp::ProxyOrigin::client; // unknown: `address` is a proxy's, not the client's

    std::string_view peer() const { return peer_ip.empty() ? ip : peer_ip; } // the peer of the connection, as text

    // Returns true if the source is a trusted proxy, whose requests name their clients.
    bool speaks_for_others(const conf::AddressBlocks& trusted) const {
        return origin != tcp::ProxyOrigin::unknown && trusted.contains(address);
    }

    // Takes over the addresses of a PROXY header that the peer has sent.
    void take(const tcp::ProxyHeader& header) {
        if (header.origin != tcp::ProxyOrigin::proxy) origin = header.origin;
        if (header.origin != tcp::ProxyOrigin::client) return;
        address = header.source;
        destination = header.destination;
        peer_ip = std::exchange(ip, address.ip_text());
    }

    // Writes the PROXY header for a client with the address `client`, which came through `connection`. Returns its
    // length in bytes.
    std::size_t write_proxy_header(char* out, conf::ProxyProtocol version, const conf::Address& client,
                                   const Stream& connection) const {
        if (origin == tcp::ProxyOrigin::unknown) return tcp::write_proxy_header(out, version, {}, {});
        return tcp::write_proxy_header(out, version, client, destination.is_set() ? destination : connection.local());
    }
};

} // namespace weir::proxy
