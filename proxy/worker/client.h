// The client's side of a connection, as an exchange or a tunnel uses it.
//
// Thread: one worker's thread.
// Lifetime: the session owns it.
#pragma once

#include "proxy/proxy_protocol/proxy_protocol.h"
#include "proxy/worker/worker_context.h"

#include <string>
#include <string_view>
#include <utility>

namespace weir::proxy {

struct Client {
    Client(WorkerContext& worker, std::shared_ptr<WorkerListener> from, const conf::Address& peer)
        : context(worker), listener(std::move(from)), stats(listener->spec->stats),
          protocol(listener->spec->config.protocol), address(peer), ip(peer.ip_text()),
          timer(worker.loop.timers(), fiber) {}

    WorkerContext& context;
    std::shared_ptr<WorkerListener> listener;
    const std::shared_ptr<ListenerStats> stats; // of the listener that accepted the client, even if renamed since
    const conf::Protocol protocol;
    conf::Address address;     // of the client: the peer, or the source in the peer's PROXY header
    conf::Address destination; // the destination in a PROXY header, if there was one
    std::string ip;            // of `address`
    std::string peer_ip;       // of the connection itself, if a PROXY header gave another address
    tcp::ProxyOrigin origin = tcp::ProxyOrigin::client; // unknown: `address` is a proxy's, not the client's
    Waiter fiber;
    Timer timer;
    Socket socket;
    Buffer in; // read but not used yet; the current request's head is held at its front
    bool aborted = false;

    bool is_draining() const { return context.phase == Phase::draining || listener->phase == Phase::draining; }
    // Returns true if the client no longer waits for anything. An HTTP client that ends its side of the connection has
    // left, whatever it sent before: a killed client shows nothing else (see adr/0017). A TCP client may end its side
    // and go on reading, so it has left only if everything that it sent has been forwarded.
    bool has_left() const {
        if (socket.broken()) return true;
        if (!socket.hung_up()) return false;
        return protocol == conf::Protocol::http || (in.empty() && socket.at_end());
    }
    // Writes the PROXY header for a client with the address `source`. Returns its length in bytes.
    std::size_t write_proxy_header(char* out, conf::ProxyProtocol version, const conf::Address& source) const {
        if (origin == tcp::ProxyOrigin::unknown) return tcp::write_proxy_header(out, version, {}, {});
        return tcp::write_proxy_header(out, version, source, destination.is_set() ? destination : socket.local());
    }
    // Whether the peer is a trusted proxy, whose requests name their clients.
    bool speaks_for_others() const {
        return origin != tcp::ProxyOrigin::unknown && listener->spec->trusted.contains(address);
    }
    std::string_view peer() const { return peer_ip.empty() ? ip : peer_ip; } // the peer of the connection, as text
    ListenerCounters& counters() { return stats->workers[context.index]; }
    void take_proxy_header(const tcp::ProxyHeader& header) {
        in.consume(header.length);
        in.compact();
        if (header.origin != tcp::ProxyOrigin::proxy) origin = header.origin;
        if (header.origin != tcp::ProxyOrigin::client) return;
        address = header.source;
        destination = header.destination;
        peer_ip = std::exchange(ip, address.ip_text());
    }
    void expire_in(conf::Duration duration) { timer.set(context.loop.now() + duration); }
};

} // namespace weir::proxy
