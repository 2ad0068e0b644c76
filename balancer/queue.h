// Those on one worker that wait for a seat at a full pool, first come, first served.
//
// Thread: one worker's thread; `oldest` may be read by any.
// Lifetime: a waiter must leave before it goes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>

namespace weir::balancer {

class Waiter {
public:
    // There may be a seat now: look again. Must not leave the queue within the call.
    virtual void call() = 0;
    // Whoever was before it has left: it is the first of its worker's now. Nor within this call.
    virtual void lead() = 0;

    std::chrono::steady_clock::time_point since{}; // when it joined

protected:
    ~Waiter() = default;

private:
    friend class Queue;
    Waiter *previous_ = nullptr, *next_ = nullptr;
};

class alignas(64) Queue {
public:
    static constexpr std::int64_t nobody = std::numeric_limits<std::int64_t>::max();

    void push(Waiter& waiter); // behind all others
    void remove(Waiter& waiter);
    void call_first() {
        if (first_) first_->call();
    }
    void call_after(Waiter& waiter) {
        if (waiter.next_) waiter.next_->call();
    }
    const Waiter* first() const { return first_; }

    // When the first of them joined, as a count of the steady clock's ticks; `nobody` where none waits.
    std::int64_t oldest() const { return oldest_.load(std::memory_order_relaxed); }

private:
    void publish();

    Waiter *first_ = nullptr, *last_ = nullptr;
    std::atomic<std::int64_t> oldest_{nobody};
};

} // namespace weir::balancer
