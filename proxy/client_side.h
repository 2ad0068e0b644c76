// The client's end of a connection, as an exchange or a tunnel uses it.
//
// Thread: one worker's thread.
// Lifetime: the session owns it.
#pragma once

#include "proxy/tcp/proxy_protocol.h"
#include "proxy/worker_context.h"

#include <string>

namespace weir::proxy {

struct ClientSide {
    ClientSide(WorkerContext& worker, std::shared_ptr<WorkerListener> from, const conf::Address& peer)
        : context(worker), listener(std::move(from)), stats(listener->spec->stats), address(peer), ip(peer.ip_text()),
          timer(worker.loop.timers(), fiber) {}

    WorkerContext& context;
    std::shared_ptr<WorkerListener> listener;
    const std::shared_ptr<ListenerStats> stats; // of the listener that accepted it, whatever it is called by now
    conf::Address address;                      // of the client: the peer, or whom the peer's PROXY header told
    conf::Address destination;                  // that the client had connected to, where a PROXY header told
    std::string ip;                             // the address's
    tcp::ProxyOrigin origin = tcp::ProxyOrigin::client; // unknown: `address` is a proxy's, not the client's
    Fiber fiber;
    Timer timer;
    Socket socket;
    Buffer in; // what was read; the head of the request at hand stays held at its front
    bool aborted = false;

    bool is_draining() const { return context.phase == Phase::draining || listener->phase == Phase::draining; }
    // Gone, with nothing of it left to read: more requests would wait for their answers.
    bool has_left() const { return socket.broken() || (socket.hung_up() && in.empty() && socket.at_end()); }
    // The PROXY header for a connection to a backend; returns its length.
    std::size_t write_proxy_header(char* out, conf::ProxyProtocol version) const {
        if (origin == tcp::ProxyOrigin::unknown) return tcp::write_proxy_header(out, version, {}, {});
        return tcp::write_proxy_header(out, version, address, destination.is_set() ? destination : socket.local());
    }
    ListenerCounters& counters() { return stats->workers[context.index]; }
    void take_proxy_header(const tcp::ProxyHeader& header) {
        in.consume(header.length);
        in.compact();
        if (header.origin != tcp::ProxyOrigin::proxy) origin = header.origin;
        if (header.origin != tcp::ProxyOrigin::client) return;
        address = header.source;
        destination = header.destination;
        ip = address.ip_text();
    }
    void expire_in(conf::Duration duration) { timer.set(context.loop.now() + duration); }
};

} // namespace weir::proxy
