// The requests on one worker that wait for a free slot in a full pool, first come, first served.
//
// Thread: one worker's thread; any thread may read `oldest`.
// Lifetime: an entry must leave the queue before its destruction.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>

namespace weir::balancer {

class QueueEntry {
public:
    // Called when a slot may be free, so that the entry tries again. Must not leave the queue within the call.
    virtual void call() = 0;
    // Called when the entry has become the first of its worker's queue. Must not leave the queue within the call.
    virtual void lead() = 0;

    std::chrono::steady_clock::time_point since{}; // when it joined

protected:
    virtual ~QueueEntry() = default;

private:
    friend class Queue;
    QueueEntry *previous_ = nullptr, *next_ = nullptr;
};

class alignas(64) Queue {
public:
    static constexpr std::int64_t none = std::numeric_limits<std::int64_t>::max();

    void push(QueueEntry& waiter); // behind all others
    void remove(QueueEntry& waiter);
    void call_first() {
        if (first_) first_->call();
    }
    void call_after(QueueEntry& waiter) {
        if (waiter.next_) waiter.next_->call();
    }
    const QueueEntry* first() const { return first_; }

    // Returns when the first entry joined, in ticks of the steady clock; `none` if the queue is empty.
    std::int64_t oldest() const { return oldest_.load(std::memory_order_relaxed); }

private:
    void publish();

    QueueEntry *first_ = nullptr, *last_ = nullptr;
    std::atomic<std::int64_t> oldest_{none};
};

} // namespace weir::balancer
