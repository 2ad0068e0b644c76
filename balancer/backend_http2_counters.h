// What one worker counts about its HTTP/2 connections to one backend.
//
// Thread: one writer; any thread may read.
// Lifetime: the backend has them.
#pragma once

#include "balancer/counter.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace weir::balancer {

struct alignas(64) BackendHttp2Counters {
    // One counter for each error code of RFC 9113 section 7, and one for all others.
    class ByError {
    public:
        void add(std::uint32_t code) { counters_[std::min<std::size_t>(code, counters_.size() - 1)].add(); }
        std::uint64_t read(std::size_t code) const { return counters_[code].read(); }

    private:
        std::array<Counter, 15> counters_;
    };

    Counter connections, active_connections, streams, active_streams;
    ByError resets_received, resets_sent, goaways_received;
};

} // namespace weir::balancer
