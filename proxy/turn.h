// Choosing a backend, and waiting in the pool's queue for a seat where all that may be asked are full.
//
// Thread: one worker's thread.
// Lifetime: the client's side must outlive it, and its view the pool.
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

    // Where a reload came meanwhile: the view and the pool that `member` belongs to.
    ViewPtr view{};
    WorkerPool* pool = nullptr;
};

// At once, or not at all. Nobody overtakes those who wait.
Turn try_turn(WorkerPool& pool, const balancer::Ask& ask);

// The same, waiting where that is worth while.
Task<Turn> take_turn(ClientSide& client, WorkerPool& pool, balancer::Ask ask);

// The member of `to` that is the same backend as one of `from`; unset where it has left.
std::optional<std::size_t> find_again(std::size_t member, const WorkerPool& from, const WorkerPool& to);
// The same for several, in their place; returns how many are left.
std::size_t find_all_again(std::span<std::size_t> members, const WorkerPool& from, const WorkerPool& to);

} // namespace weir::proxy
