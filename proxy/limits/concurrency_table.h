// Counts the requests that each client has in progress.
//
// All workers share one table of a fixed size: a limit holds for a client, whichever worker serves it. A slot is one
// atomic word with a tag and a count. A client's slots are the eight of one cache line, and it takes a free one, whose
// count is 0. A slot that is in use is never taken over: if all eight are, a further client is not counted, so that no
// client is refused because of others. Two clients share a slot if they have the same tag and the same line, which has
// a probability of less than one in four billion.
//
// Two workers may take different slots for the same client at the same time. That is why a request adds itself first
// and then checks the sum of the client's slots. If that is over the limit, it takes itself away and tries again: the
// last one to add itself sees all the others, so the limit is never exceeded.
//
// Thread: any; nothing waits or allocates.
// Lifetime: owns its slots, to which ConcurrencySeat points.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::proxy::limits {

using ConcurrencySlot = std::atomic<std::uint64_t>;

// Whether a request is accepted, and the slot that it is counted in.
struct ConcurrencyDecision {
    bool accepted;
    ConcurrencySlot* slot = nullptr; // to be released when the request has ended; null: it is not counted
};

class ConcurrencyTable {
public:
    explicit ConcurrencyTable(std::size_t lines);

    // Counts a request of the client whose key has this hash, which must depend on a secret, unless `max` requests of
    // that client are in progress.
    ConcurrencyDecision acquire(std::uint64_t hash, std::uint32_t max);
    // Ends a request. Its slot cannot have been taken over, because it counted this request.
    static void release(ConcurrencySlot& slot) { slot.fetch_sub(1); }

private:
    static constexpr std::size_t slots_in_line = 8;

    struct alignas(64) Line {
        ConcurrencySlot slots[slots_in_line]{};
    };

    // What a client has in a line.
    struct Found {
        ConcurrencySlot* slot = nullptr; // its first slot, or else the first free one; null: neither
        std::uint64_t seen = 0;          // the word in that slot
        std::uint64_t count = 0;         // of all its slots
    };

    static Found find(Line& line, std::uint64_t tag);

    std::vector<Line> lines_;
};

} // namespace weir::proxy::limits
