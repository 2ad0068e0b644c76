// One request or TCP connection of a backend, counted while this object lives. If the backend has a limit, the object
// holds one of its slots. Its release calls the request that has waited longest in the pool's queue.
//
// Thread: one worker's thread.
// Lifetime: the backend must outlive it.
#pragma once

#include "balancer/backend.h"

#include <utility>

namespace weir::balancer {

enum class Limited { yes, no };

class ConnectionSlot {
public:
    ConnectionSlot() = default;
    ConnectionSlot(Backend& backend, std::size_t worker, Limited limited)
        : backend_(&backend), worker_(worker), limited_(limited) {
        backend.counters(worker).active.add();
    }
    ConnectionSlot(ConnectionSlot&& other) noexcept
        : backend_(std::exchange(other.backend_, nullptr)), worker_(other.worker_), limited_(other.limited_) {}
    ConnectionSlot& operator=(ConnectionSlot&& other) noexcept {
        std::swap(backend_, other.backend_);
        std::swap(worker_, other.worker_);
        std::swap(limited_, other.limited_);
        return *this;
    }
    ~ConnectionSlot() { leave(); }

    // Releases the slot; does nothing if the object holds none.
    void leave() {
        auto* backend = std::exchange(backend_, nullptr);
        if (!backend) return;
        backend->counters(worker_).active.subtract();
        if (limited_ == Limited::yes) backend->give_seat_back();
        backend->pool_state().call_next(worker_);
    }

private:
    Backend* backend_ = nullptr;
    std::size_t worker_ = 0;
    Limited limited_ = Limited::no;
};

} // namespace weir::balancer
