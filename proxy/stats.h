// What the workers count of each listener. Every worker writes its own block; a scrape adds them up.
//
// Thread: a block has one writer; anyone may read.
// Lifetime: shared by the snapshots that know the listener; a reload that keeps the listener's name keeps the counts.
#pragma once

#include "balancer/backend.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

namespace weir::proxy {

using balancer::Counter;

// Upper bounds of the duration histogram, in microseconds; one more bucket has no bound.
inline constexpr std::array<std::uint32_t, 14> duration_bounds{
    500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};

struct alignas(64) ListenerCounters {
    static constexpr int first_code = 100, last_code = 599;

    std::array<Counter, last_code - first_code + 1> codes;
    std::array<Counter, duration_bounds.size() + 1> durations;
    Counter duration_us, connections, active, bytes_in, bytes_out, proxy_headers_refused;

    void count_request(int code, std::chrono::microseconds took) {
        if (code >= first_code && code <= last_code) codes[static_cast<std::size_t>(code - first_code)].add();
        const auto us = static_cast<std::uint64_t>(took.count());
        std::size_t bucket = 0;
        while (bucket < duration_bounds.size() && us > duration_bounds[bucket]) ++bucket;
        durations[bucket].add();
        duration_us.add(us);
    }
};

struct ListenerStats {
    explicit ListenerStats(std::size_t count) : workers(count) {}
    std::vector<ListenerCounters> workers;
};

// What a worker counts of itself.
struct alignas(64) WorkerCounters {
    Counter retries, retries_refused, log_lines_dropped, accept_failures, shortages;
    Counter longest_adoption_us; // of a configuration: no connection is served meanwhile
};

} // namespace weir::proxy
