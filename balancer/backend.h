// One server's state at run time. It outlives reloads: it is found again by its pool, name and address, so verdict and
// counters stay whatever else an edit changes.
//
// Thread: identity is constant; verdict, ejection and ramp are written on the control thread and read by every worker;
// each worker writes its own counters, anyone may read them; seats and errors in a row are counted by all workers.
// Lifetime: shared by the snapshots and the health monitor that use it.
#pragma once

#include "balancer/counter.h"
#include "balancer/pool_state.h"
#include "conf/address.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir::balancer {

using TimePoint = std::chrono::steady_clock::time_point;

enum class Verdict : std::uint8_t {
    unknown, // no probe has ended yet
    up,
    down,
};

// Whether live traffic has put a backend out for a while, whatever its probes say.
enum class Ejection : std::uint8_t { none, ejected };

// Known not to serve, by its probes or by live traffic.
constexpr bool is_sick(Verdict verdict, Ejection ejection) {
    return verdict == Verdict::down || ejection == Ejection::ejected;
}

// What one worker counts of one backend; a cache line of its own.
struct alignas(64) BackendCounters {
    Counter requests, failures, errors, connections, active, idle; // errors: failures, and statuses from 500 on
};

class Backend {
public:
    Backend(std::string pool, std::string name, const conf::Address& address, std::size_t workers, PoolStatePtr state)
        : pool_(std::move(pool)), name_(std::move(name)), address_(address), state_(std::move(state)),
          counters_(workers) {}

    const std::string& pool() const { return pool_; }
    const std::string& name() const { return name_; }
    const conf::Address& address() const { return address_; }
    PoolState& pool_state() const { return *state_; }

    Verdict verdict() const { return verdict_.load(std::memory_order_relaxed); }
    Ejection ejection() const { return ejection_.load(std::memory_order_relaxed); }
    bool is_sick() const { return balancer::is_sick(verdict(), ejection()); }
    // When it came back, or was new: its share grows from there. Unset: it has its whole share.
    TimePoint ramp_start() const { return ramp_start_.load(std::memory_order_relaxed); }

    // Of verdict and ejection health is the only writer.
    void set_verdict(Verdict verdict) { set(verdict_, verdict); }
    void set_ejection(Ejection ejection) { set(ejection_, ejection); }
    void set_ramp_start(TimePoint since) { set(ramp_start_, since); }

    // Takes one of `limit` seats; false where all are taken, also by those who came before there was a limit.
    bool take_seat(std::uint32_t limit) {
        if (total(&BackendCounters::active) >= limit) return false;
        auto taken = seats_taken_.load(std::memory_order_relaxed);
        while (taken < limit)
            if (seats_taken_.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed)) return true;
        return false;
    }
    void give_seat_back() { seats_taken_.fetch_sub(1, std::memory_order_relaxed); }

    // Errors in a row, seen by all workers. A success costs a look where there was none.
    void note_success() {
        if (errors_.load(std::memory_order_relaxed) != 0) errors_.store(0, std::memory_order_relaxed);
    }
    std::uint32_t note_error() { return errors_.fetch_add(1, std::memory_order_relaxed) + 1; }
    void set_errors(std::uint32_t count) { errors_.store(count, std::memory_order_relaxed); }

    BackendCounters& counters(std::size_t worker) { return counters_[worker]; }
    // The sum over the workers of one of BackendCounters' members.
    std::uint64_t total(Counter BackendCounters::*member) const {
        std::uint64_t sum = 0;
        for (const auto& counters : counters_) sum += (counters.*member).read();
        return sum;
    }

private:
    template <class T> void set(std::atomic<T>& field, T value) {
        field.store(value, std::memory_order_relaxed);
        state_->touch();
    }

    const std::string pool_, name_;
    const conf::Address address_;
    const PoolStatePtr state_;
    std::atomic<Verdict> verdict_{Verdict::unknown};
    std::atomic<Ejection> ejection_{Ejection::none};
    std::atomic<TimePoint> ramp_start_{TimePoint()};
    alignas(64) std::atomic<std::uint32_t> seats_taken_{0};
    std::atomic<std::uint32_t> errors_{0};
    std::vector<BackendCounters> counters_;
};

using BackendPtr = std::shared_ptr<Backend>;

} // namespace weir::balancer
