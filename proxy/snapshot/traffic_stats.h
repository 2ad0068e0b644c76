// What the workers count for the requests on one path: listener, route and pool. Every worker writes its own block; a
// scrape adds them up. Requests without a pool (a malformed head, no route) have their own path on each listener, with
// neither route nor pool.
//
// Thread: a block has one writer; any thread may read.
// Lifetime: shared by the snapshots that know the path; a reload that keeps listener, route and pool keeps the counts.
#pragma once

#include "balancer/counter.h"
#include "balancer/per_worker.h"
#include "proxy/log/failure_reason.h"
#include "proxy/snapshot/traffic_path.h"

#include <array>
#include <chrono>

namespace weir::proxy {

// Upper bounds of the histograms' buckets, in microseconds; the last bucket has no bound.
inline constexpr std::array<std::uint32_t, 14> duration_bounds{
    500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};

struct Histogram {
    std::array<balancer::Counter, duration_bounds.size() + 1> buckets;
    balancer::Counter sum_us;

    void add(std::chrono::microseconds duration) {
        const auto us = static_cast<std::uint64_t>(duration.count());
        std::size_t bucket = 0;
        while (bucket < duration_bounds.size() && us > duration_bounds[bucket]) ++bucket;
        buckets[bucket].add();
        sum_us.add(us);
    }
};

struct TrafficCounters {
    static constexpr int first_code = 100, last_code = 599;

    std::array<balancer::Counter, last_code - first_code + 1> codes; // of requests
    std::array<balancer::Counter, failure_reason_count> failures;    // of requests and TCP connections
    Histogram durations;                                             // of whole requests
    Histogram response_times; // of the backend: from sending the request to the head of its response

    void count_request(int code, std::chrono::microseconds took) {
        if (code >= first_code && code <= last_code) codes[static_cast<std::size_t>(code - first_code)].add();
        durations.add(took);
    }
    void count_failure(FailureReason reason) {
        if (reason != FailureReason::none) failures[static_cast<std::size_t>(reason)].add();
    }
};

struct TrafficStats {
    TrafficStats(TrafficPath traffic_path, std::size_t count) : path(std::move(traffic_path)), workers(count) {}

    const TrafficPath path;
    balancer::PerWorker<TrafficCounters> workers;
};

} // namespace weir::proxy
