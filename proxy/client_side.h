// The client's end of a connection, as an exchange or a tunnel uses it.
//
// Thread: one worker's thread.
// Lifetime: the session owns it.
#pragma once

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
    const conf::Address address;
    const std::string ip;
    Fiber fiber;
    Timer timer;
    Socket socket;
    Buffer in; // what was read; the head of the request at hand stays held at its front
    bool aborted = false;

    bool is_draining() const { return context.phase == Phase::draining || listener->phase == Phase::draining; }
    // Gone, with nothing of it left to read: more requests would wait for their answers.
    bool has_left() const { return socket.hung_up() && in.empty() && socket.at_end(); }
    ListenerCounters& counters() { return stats->workers[context.index]; }
    void expire_in(conf::Duration duration) { timer.set(context.loop.now() + duration); }
};

} // namespace weir::proxy
