// One server's state at run time. It outlives reloads: it is found again by its pool, name and address, so verdict and
// counters stay whatever else an edit changes.
//
// Thread: identity is constant; the verdict is written by health alone and read by every worker; each worker writes
// its own counters, anyone may read them.
// Lifetime: shared by the snapshots and the health monitor that use it.
#pragma once

#include "conf/address.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir::balancer {

enum class Verdict : std::uint8_t {
    unknown, // no probe has ended yet
    up,
    down,
};

// A counter with one writer: an addition is a plain load and store.
class Counter {
public:
    void add(std::uint64_t n = 1) {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    void subtract(std::uint64_t n = 1) {
        value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
    }
    std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

// What one worker counts of one backend; a cache line of its own.
struct alignas(64) BackendCounters {
    Counter requests, failures, connections, active, idle;
};

class Backend {
public:
    Backend(std::string pool, std::string name, const conf::Address& address, std::size_t workers)
        : pool_(std::move(pool)), name_(std::move(name)), address_(address), counters_(workers) {}

    const std::string& pool() const { return pool_; }
    const std::string& name() const { return name_; }
    const conf::Address& address() const { return address_; }

    Verdict verdict() const { return verdict_.load(std::memory_order_relaxed); }
    void set_verdict(Verdict verdict) { verdict_.store(verdict, std::memory_order_relaxed); } // for health alone

    BackendCounters& counters(std::size_t worker) { return counters_[worker]; }
    // The sum over the workers of one of BackendCounters' members.
    std::uint64_t total(Counter BackendCounters::*member) const {
        std::uint64_t sum = 0;
        for (const auto& counters : counters_) sum += (counters.*member).read();
        return sum;
    }

private:
    const std::string pool_, name_;
    const conf::Address address_;
    std::atomic<Verdict> verdict_{Verdict::unknown};
    std::vector<BackendCounters> counters_;
};

using BackendPtr = std::shared_ptr<Backend>;

} // namespace weir::balancer
