// Counts the requests of each client against a rate, by the generic cell rate algorithm (ITU-T I.371): each request
// moves a client's theoretical arrival time (TAT) one interval ahead, and a request is refused while the TAT is further
// ahead of the clock than the burst allows.
//
//   ahead = TAT - now    0 ─────────── burst - 1 ──→    a request is accepted up to here, and adds 1
//
// All workers share one table of a fixed size: a limit holds for a client, whichever worker serves it. A slot is one
// atomic word with a tag and a TAT. A client's slots are the eight of one cache line; if all are taken, the client that
// has used the least of its burst loses its slot, and starts over. Two clients share a limit if their lines and tags
// agree: for a new client in a full line, the probability is at most one in a million (23 random bits, 8 slots).
//
// Thread: any; `take` neither waits nor allocates.
// Lifetime: owns its slots.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

namespace weir::proxy::limits {

// Whether a request is accepted.
struct RateDecision {
    bool accepted;
    std::chrono::nanoseconds wait{0}; // until a request would be accepted, if this one is not
};

class RateTable {
public:
    using Time = std::chrono::steady_clock::time_point;

    // Accepts a request every `interval` on average, and `burst` at once, from each client. `burst` is at most
    // `max_burst`. `began` is now: times before it are not known.
    RateTable(std::chrono::nanoseconds interval, std::uint32_t burst, std::size_t lines, Time began);

    // Counts a request of the client whose key has this hash, which must depend on a secret.
    RateDecision take(std::uint64_t hash, Time now);

    static constexpr std::uint32_t max_burst = 1'000'000;

private:
    static constexpr std::size_t slots_in_line = 8;

    struct alignas(64) Line {
        std::atomic<std::uint64_t> slots[slots_in_line]{};
    };

    std::uint64_t ticks(Time now) const;
    // Returns how far a slot's TAT is ahead of `now`, in ticks; 0 if it is not, or if the slot is empty. The worker
    // that wrote it may have seen a later time.
    std::uint64_t ahead(std::uint64_t slot, std::uint64_t now) const;
    // Returns the client's slot in a line, or else the one that it takes over.
    std::atomic<std::uint64_t>& find(Line& line, std::uint64_t tag, std::uint64_t now, std::uint64_t& seen) const;

    const std::chrono::nanoseconds interval_;
    const std::uint64_t max_ahead_; // ticks at which a request is still accepted
    const std::uint64_t lag_;       // ticks by which the clocks of two workers may differ
    const Time began_;
    std::vector<Line> lines_;
};

} // namespace weir::proxy::limits
