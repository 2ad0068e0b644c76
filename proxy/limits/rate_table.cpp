#include "proxy/limits/rate_table.h"

#include <algorithm>

namespace weir::proxy::limits {
namespace {

// A slot holds a tag in its upper bits and a TAT in its lower ones. A TAT wraps: an interval has 1024 ticks, so that
// happens after 2^30 intervals. A slot that was last used then may look used, for longest_lag at most.
constexpr int tat_bits = 40;
constexpr std::uint64_t tat_mask = (std::uint64_t{1} << tat_bits) - 1;
constexpr std::uint64_t ticks_per_interval = 1024;
constexpr std::chrono::nanoseconds longest_lag =
    std::chrono::seconds(1); // of a worker's clock, which is read once a round

std::uint64_t ticks_in(std::chrono::nanoseconds time, std::chrono::nanoseconds interval) {
    const auto whole = static_cast<std::uint64_t>(time.count()), each = static_cast<std::uint64_t>(interval.count());
    return whole / each * ticks_per_interval + whole % each * ticks_per_interval / each;
}

std::uint64_t tag_of(std::uint64_t hash) { return (hash | std::uint64_t{1} << 63) & ~tat_mask; } // never 0: empty

} // namespace

RateTable::RateTable(std::chrono::nanoseconds interval, std::uint32_t burst, std::size_t lines, Time began)
    : interval_(interval), max_ahead_((std::clamp(burst, 1u, max_burst) - 1) * ticks_per_interval),
      lag_(ticks_in(longest_lag, interval)), began_(began), lines_(std::max<std::size_t>(lines, 1)) {}

std::uint64_t RateTable::ticks(Time now) const {
    return ticks_in(std::max(now - began_, Time::duration(0)), interval_);
}

std::uint64_t RateTable::ahead(std::uint64_t slot, std::uint64_t now) const {
    if (slot == 0) return 0;
    const auto by = (slot - now) & tat_mask, full = max_ahead_ + ticks_per_interval;
    return by <= full + lag_ ? std::min(by, full) : 0;
}

std::atomic<std::uint64_t>& RateTable::find(Line& line, std::uint64_t tag, std::uint64_t now,
                                            std::uint64_t& seen) const {
    auto* least = &line.slots[0];
    std::uint64_t least_ahead = ~std::uint64_t{0};
    for (auto& slot : line.slots) {
        const auto value = slot.load(std::memory_order_relaxed);
        const bool is_own = value != 0 && (value & ~tat_mask) == tag;
        const auto by = ahead(value, now);
        if (!is_own && by >= least_ahead) continue;
        least = &slot;
        seen = value;
        least_ahead = by;
        if (is_own) break;
    }
    return *least;
}

RateDecision RateTable::take(std::uint64_t hash, Time now) {
    const auto tag = tag_of(hash);
    auto& line = lines_[(hash & tat_mask) % lines_.size()];
    const auto at = ticks(now);
    for (;;) {
        std::uint64_t seen = 0;
        auto& slot = find(line, tag, at, seen);
        const auto by = (seen & ~tat_mask) == tag ? ahead(seen, at) : 0;
        if (by > max_ahead_) {
            const auto over = static_cast<std::int64_t>(by - max_ahead_);
            return {false, std::max(interval_ * over / static_cast<std::int64_t>(ticks_per_interval),
                                    std::chrono::nanoseconds(1))};
        }
        const auto next = tag | ((at + by + ticks_per_interval) & tat_mask);
        // Another worker has changed the slot since: decide again.
        if (slot.compare_exchange_weak(seen, next, std::memory_order_relaxed)) return {true};
    }
}

} // namespace weir::proxy::limits
