// Choosing a backend, and waiting in the pool's queue for a seat where all that may be asked are full.
//
// Thread: one worker's thread.
// Lifetime: the client's side and the pool must outlive it.
#pragma once

#include "proxy/client_side.h"
#include "proxy/io/task.h"

namespace weir::proxy {

struct Turn {
    enum class Outcome {
        chosen,
        full,   // no seat, and no room in the queue or none in time
        nobody, // no one is left to ask
        client_gone,
    };
    Outcome outcome = Outcome::nobody;
    std::size_t member = 0;
    balancer::Seat seat{}; // of a chosen one
};

// At once, or not at all. Nobody overtakes those who wait.
Turn try_turn(WorkerPool& pool, const balancer::Ask& ask);

// The same, waiting where that is worth while.
Task<Turn> take_turn(ClientSide& client, WorkerPool& pool, balancer::Ask ask);

} // namespace weir::proxy
