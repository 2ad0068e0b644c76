// A bounded queue of lines from one worker to the log's writer. A full ring drops the line and never waits.
//
// Thread: `reserve` and `commit` on the producer's thread, `peek` and `release` on the consumer's.
// Lifetime: must outlive both.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace weir::proxy::log {

class Ring {
public:
    explicit Ring(std::size_t capacity = 1u << 20) : capacity_(capacity), bytes_(new char[capacity]) {}

    // Returns `size` contiguous bytes for a line; empty if there is no room. Only the last reservation counts.
    std::span<char> reserve(std::size_t size) {
        const auto head = head_.load(std::memory_order_relaxed), tail = tail_.load(std::memory_order_acquire);
        const auto used = head - tail, at = head % capacity_;
        if (capacity_ - at >= size) {
            skip_ = 0;
        } else {
            skip_ = capacity_ - at; // the rest of the array is too short: the line goes to the front
        }
        if (used + skip_ + size > capacity_) return {};
        return {bytes_.get() + (head + skip_) % capacity_, size};
    }

    // Publishes the first `size` bytes of the reservation. Returns true if the ring is more than half full.
    bool commit(std::size_t size) {
        const auto head = head_.load(std::memory_order_relaxed);
        if (skip_ > 0) wrap_.store(head, std::memory_order_relaxed);
        head_.store(head + skip_ + size, std::memory_order_release);
        return head + skip_ + size - tail_.load(std::memory_order_relaxed) > capacity_ / 2;
    }

    // Returns the next contiguous bytes; empty if there are none.
    std::string_view peek() {
        const auto tail = tail_.load(std::memory_order_relaxed), head = head_.load(std::memory_order_acquire);
        if (head == tail) return {};
        const auto wrap = wrap_.load(std::memory_order_relaxed), at = tail % capacity_;
        if (wrap == tail && at != 0) { // the rest of the array was skipped
            tail_.store(tail + capacity_ - at, std::memory_order_release);
            return peek();
        }
        auto end = head;
        if (wrap > tail && wrap < head) end = wrap;
        return {bytes_.get() + at, static_cast<std::size_t>(std::min<std::uint64_t>(end - tail, capacity_ - at))};
    }
    // Removes the first `size` bytes, which have been written out.
    void release(std::size_t size) {
        tail_.store(tail_.load(std::memory_order_relaxed) + size, std::memory_order_release);
    }

private:
    const std::size_t capacity_;
    std::unique_ptr<char[]> bytes_;
    std::size_t skip_ = 0; // used by the producer
    alignas(64) std::atomic<std::uint64_t> head_{0};
    std::atomic<std::uint64_t> wrap_{~std::uint64_t{0}}; // the position at which the rest of the array was last skipped
    alignas(64) std::atomic<std::uint64_t> tail_{0};
};

} // namespace weir::proxy::log
