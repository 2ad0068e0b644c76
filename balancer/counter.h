// A counter with one writer: an addition is a plain load and store.
//
// Thread: one writer; any thread may read.
// Lifetime: a value that must not move.
#pragma once

#include <atomic>
#include <cstdint>

namespace weir::balancer {

class Counter {
public:
    void add(std::uint64_t n = 1) {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    void subtract(std::uint64_t n = 1) {
        value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
    }
    void raise_to(std::uint64_t n) {
        if (n > value_.load(std::memory_order_relaxed)) value_.store(n, std::memory_order_relaxed);
    }
    std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

} // namespace weir::balancer
