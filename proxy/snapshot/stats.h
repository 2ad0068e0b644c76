// What the workers count for each listener. Every worker writes its own block; a scrape adds them up.
//
// Thread: a block has one writer; any thread may read.
// Lifetime: shared by the snapshots that know the listener; a reload that keeps the listener's name keeps the counts.
#pragma once

#include "balancer/backend.h"
#include "conf/model/http_version.h"
#include "proxy/log/failure_reason.h"
#include "proxy/snapshot/http2_counters.h"

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

namespace weir::proxy {

using balancer::Counter;

// Returns true if weir itself refused the request for a reason that a configuration change can cause. Malformed
// requests are refused under any configuration, and failures of a backend count for its pool.
inline bool is_refusal(FailureReason reason) {
    switch (reason) {
    case FailureReason::request_header_too_large:
    case FailureReason::body_too_large:
    case FailureReason::bad_proxy_header:
    case FailureReason::no_route:
    case FailureReason::no_backend:
    case FailureReason::queue_full:
    case FailureReason::queue_timeout:
    case FailureReason::resource_exhausted: return true;
    default: return false;
    }
}

struct alignas(64) ListenerCounters {
    Counter connections, active, bytes_in, bytes_out, proxy_headers_refused;
    Counter tls_handshakes, tls_resumed, tls_failures; // tls_handshakes includes tls_resumed
    Counter outcomes;                                  // requests and TCP connections that have ended
    Counter refused;                                   // outcomes that weir itself refused (is_refusal)

    std::array<Counter, conf::http_version_count> versions; // outcomes by conf::HttpVersion
    Http2Counters http2;

    // Counts one request or TCP connection that has ended. TCP connections have no version.
    void count_outcome(FailureReason reason, conf::HttpVersion version) {
        outcomes.add();
        versions[static_cast<std::size_t>(version)].add();
        if (is_refusal(reason)) refused.add();
    }
};

struct ListenerStats {
    explicit ListenerStats(std::size_t count) : workers(count) {}
    std::vector<ListenerCounters> workers;
};

// Counts the responses that were compressed with one coding.
struct CompressionCounters {
    Counter responses, bytes_in, bytes_out; // of their bodies, before and after compression
};

// What a worker counts about itself.
struct alignas(64) WorkerCounters {
    Counter retries, retries_refused, log_lines_dropped, accept_failures, shortages;
    Counter mirrored, mirrors_skipped, mirrors_failed; // copies of requests; `mirrored` includes those that failed
    Counter longest_adoption_us; // time to adopt a configuration, during which no connection is served
    std::array<CompressionCounters, 3> compression; // by conf::ContentCoding
};

} // namespace weir::proxy
