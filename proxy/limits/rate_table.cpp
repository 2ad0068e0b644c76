#include "proxy/limits/rate_table.h"

#include <algorithm>

namespace weir::proxy::limits {
namespace {

// A slot holds a tag in its upper bits and a TAT in its lower ones. A TAT wraps: an interval has 1024 ticks, so that
// happens after 2^30 intervals. A slot that was last used then looks used with a probability of `burst` in 2^30.
constexpr int tat_bits = 40;
constexpr std::uint64_t tat_mask = (std::uint64_t{1} << tat_bits) - 1;
constexpr std::uint64_t ticks_per_interval = 1024;

std::uint64_t tag_of(std::uint64_t hash) { return (hash | std::uint64_t{1} << 63) & ~tat_mask; } // never 0: empty

} // namespace

RateTable::RateTable(std::chrono::nanoseconds interval, std::uint32_t burst, std::size_t lines, Time began)
    : interval_(interval), most_ahead_((std::clamp(burst, 1u, max_burst) - 1) * ticks_per_interval), began_(began),
      lines_(std::max<std::size_t>(lines, 1)) {}

std::uint64_t RateTable::ticks(Time now) const {
    const auto since = static_cast<std::uint64_t>(std::max(now - began_, Time::duration(0)).count());
    const auto interval = static_cast<std::uint64_t>(interval_.count());
    return since / interval * ticks_per_interval + since % interval * ticks_per_interval / interval;
}

std::uint64_t RateTable::ahead(std::uint64_t slot, std::uint64_t now) const {
    const auto by = (slot - now) & tat_mask;
    return slot != 0 && by <= most_ahead_ + ticks_per_interval ? by : 0;
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

RateVerdict RateTable::take(std::uint64_t hash, Time now) {
    const auto tag = tag_of(hash);
    auto& line = lines_[(hash & tat_mask) % lines_.size()];
    const auto at = ticks(now);
    for (;;) {
        std::uint64_t seen = 0;
        auto& slot = find(line, tag, at, seen);
        const auto by = (seen & ~tat_mask) == tag ? ahead(seen, at) : 0;
        if (by > most_ahead_) {
            const auto over = static_cast<std::int64_t>(by - most_ahead_);
            return {false,
                    interval_ * over / static_cast<std::int64_t>(ticks_per_interval) + std::chrono::nanoseconds(1)};
        }
        const auto next = tag | ((at + by + ticks_per_interval) & tat_mask);
        // If another worker was faster, this request comes after that one.
        if (slot.compare_exchange_weak(seen, next, std::memory_order_relaxed)) return {true};
    }
}

} // namespace weir::proxy::limits
