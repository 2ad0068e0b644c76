// The runtime state of one server. It outlives reloads: it is identified by its pool, name and address, so its verdict
// and counters survive any other change of the configuration.
//
// Thread: identity is constant. The control thread writes verdict, ejection and slow start; every worker reads them.
// Each worker writes its own counters, which any thread may read. Slots and consecutive errors are counted across all
// workers.
// Lifetime: shared by the snapshots and the health manager that use it.
#pragma once

#include "balancer/backend_http2_counters.h"
#include "balancer/counter.h"
#include "balancer/per_worker.h"
#include "balancer/pool_state.h"
#include "balancer/recent_errors.h"
#include "conf/model/endpoint.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir::balancer {

using TimePoint = std::chrono::steady_clock::time_point;

enum class Verdict : std::uint8_t {
    unknown, // no check has produced a result yet
    up,
    down,
};

// Whether live traffic has taken a backend out of service for a while, whatever its probes say.
enum class Ejection : std::uint8_t { none, ejected };

// Returns true if the backend is known to be unable to serve, from its probes or from live traffic.
constexpr bool is_sick(Verdict verdict, Ejection ejection) {
    return verdict == Verdict::down || ejection == Ejection::ejected;
}

// What one worker counts for one backend, on its own cache line.
struct alignas(64) BackendCounters {
    Counter requests, failures, errors, connections, active, idle; // errors: failures that a client cannot cause
    Counter retries; // attempts for requests that had failed on another backend or on a pooled connection
};

class Backend {
public:
    Backend(std::string pool, std::string name, const conf::Endpoint& address, std::size_t workers, PoolStatePtr state)
        : pool_(std::move(pool)), name_(std::move(name)), address_(address), state_(std::move(state)),
          counters_(workers), recent_errors_(workers) {}

    const std::string& pool() const { return pool_; }
    const std::string& name() const { return name_; }
    const conf::Endpoint& address() const { return address_; }
    PoolState& pool_state() const { return *state_; }

    Verdict verdict() const { return verdict_.load(std::memory_order_relaxed); }
    Ejection ejection() const { return ejection_.load(std::memory_order_relaxed); }
    bool is_sick() const { return balancer::is_sick(verdict(), ejection()); }
    // Returns when slow start began, because the backend was new or came back; TimePoint() if it did not. It may have
    // ended since.
    TimePoint ramp_start() const { return ramp_start_.load(std::memory_order_relaxed); }

    // Called by the health manager only.
    void set_verdict(Verdict verdict) { set(verdict_, verdict); }
    void set_ejection(Ejection ejection) { set(ejection_, ejection); }
    void set_ramp_start(TimePoint since) { set(ramp_start_, since); }

    // Returns true if one of `limit` slots is free. Requests that began before there was a limit count too.
    bool has_free_seat(std::uint32_t limit) const {
        return seats_taken_.load(std::memory_order_relaxed) < limit && total(&BackendCounters::active) < limit;
    }
    // Takes one of `limit` slots. Returns false if none is free.
    bool take_slot(std::uint32_t limit) {
        if (!has_free_seat(limit)) return false;
        auto taken = seats_taken_.load(std::memory_order_relaxed);
        while (taken < limit)
            if (seats_taken_.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed)) return true;
        return false;
    }
    // Returns a slot that `take_slot` took.
    void give_seat_back() { seats_taken_.fetch_sub(1, std::memory_order_relaxed); }

    // These functions count consecutive errors across all workers; `note_error` returns the count. A success only reads
    // the counter if there was no error.
    void note_success() {
        if (errors_.load(std::memory_order_relaxed) != 0) errors_.store(0, std::memory_order_relaxed);
    }
    std::uint32_t note_error() { return errors_.fetch_add(1, std::memory_order_relaxed) + 1; }
    void set_errors(std::uint32_t count) { errors_.store(count, std::memory_order_relaxed); }

    BackendCounters& counters(std::size_t worker) { return counters_[worker]; }
    // Returns the sum of one counter over all workers.
    std::uint64_t total(Counter BackendCounters::*member) const {
        std::uint64_t sum = 0;
        for (const auto& counters : counters_) sum += (counters.*member).read();
        return sum;
    }

    // Begins to count HTTP/2 connections to the backend. Called on the control thread, before a worker may use them.
    void count_http2() {
        if (http2_.empty()) http2_ = std::vector<BackendHttp2Counters>(counters_.size());
    }
    BackendHttp2Counters& http2(std::size_t worker) { return http2_[worker]; }
    // Returns the counters of all workers; empty if no pool has used HTTP/2 for the backend.
    const std::vector<BackendHttp2Counters>& http2() const { return http2_; }

    // Records the reason why an attempt on this backend failed. Called on the worker's own thread.
    void note_recent_error(std::size_t worker, std::chrono::system_clock::time_point at, const char* reason,
                           std::string_view detail) {
        recent_errors_.own(worker).add(at, reason, detail);
    }
    // Returns the last few errors, the newest first.
    std::vector<RecentError> recent_errors() const;

private:
    template <class T> void set(std::atomic<T>& field, T value) {
        field.store(value, std::memory_order_relaxed);
        state_->touch();
    }

    const std::string pool_, name_;
    const conf::Endpoint address_;
    const PoolStatePtr state_;
    std::atomic<Verdict> verdict_{Verdict::unknown};
    std::atomic<Ejection> ejection_{Ejection::none};
    std::atomic<TimePoint> ramp_start_{TimePoint()};
    alignas(64) std::atomic<std::uint32_t> seats_taken_{0};
    std::atomic<std::uint32_t> errors_{0};
    std::vector<BackendCounters> counters_;
    std::vector<BackendHttp2Counters> http2_;
    PerWorker<RecentErrors> recent_errors_;
};

using BackendPtr = std::shared_ptr<Backend>;

} // namespace weir::balancer
