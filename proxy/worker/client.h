// The client's side of a connection, as an exchange or a tunnel uses it.
//
// Thread: one worker's thread.
// Lifetime: the session owns it.
#pragma once

#include "proxy/worker/client_source.h"
#include "proxy/worker/worker_context.h"
#include "tls/client_identity.h"

#include <algorithm>
#include <memory>

namespace weir::proxy {

struct Client {
    Client(WorkerContext& worker, std::shared_ptr<WorkerListener> from, const conf::Address& peer)
        : Client(worker, std::move(from), ClientSource(peer)) {}
    Client(WorkerContext& worker, std::shared_ptr<WorkerListener> from, ClientSource peer)
        : context(worker), listener(std::move(from)), stats(listener->spec->stats),
          protocol(listener->spec->config.protocol), source(std::move(peer)), timer(worker.loop.timers(), fiber) {}

    WorkerContext& context;
    std::shared_ptr<WorkerListener> listener;
    const std::shared_ptr<ListenerStats> stats; // of the listener that accepted the client, even if renamed since
    const conf::Protocol protocol;
    ClientSource source;
    Waiter fiber;
    WheelTimer timer;
    Stream stream;
    Buffer in; // read but not used yet; the current request's head is held at its front
    std::shared_ptr<const tls::ClientIdentity> identity; // null unless the listener requests client certificates
    TimePoint deadline = TimePoint::max();               // what the client waits for must have ended by then
    bool aborted = false;

    std::string_view scheme() const { return stream.tls() ? "https" : "http"; }
    bool is_draining() const { return context.phase == Phase::draining || listener->phase == Phase::draining; }
    // Returns true if the client no longer waits for anything. An HTTP client that closes its side of the connection
    // has left, whatever it sent before, because a killed client shows no other sign (see adr/0017). A TCP client may
    // close its side and continue to read, so it has left only if everything that it sent has been forwarded.
    bool has_left() const {
        if (stream.broken()) return true;
        if (!stream.hung_up()) return false;
        return protocol == conf::Protocol::http || (in.empty() && stream.at_end());
    }
    ListenerCounters& counters() { return stats->workers[context.index]; }
    // Returns true if the deadline has passed.
    bool is_late() const { return context.loop.now() >= deadline; }
    // Sets the timer, to the deadline if that comes earlier.
    void expire_in(conf::Duration duration) {
        const auto now = context.loop.now();
        const TimePoint wanted = now + duration;
        timer.set(deadline > now ? std::min(wanted, deadline) : wanted);
    }
};

} // namespace weir::proxy
