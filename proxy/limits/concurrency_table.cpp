#include "proxy/limits/concurrency_table.h"

#include <algorithm>

namespace weir::proxy::limits {
namespace {

// A slot holds a tag in its upper half and a count in its lower half.
constexpr std::uint64_t count_mask = 0xffff'ffff;

std::uint64_t count_of(std::uint64_t word) { return word & count_mask; }

} // namespace

ConcurrencyTable::ConcurrencyTable(std::size_t lines) : lines_(std::max<std::size_t>(lines, 1)) {}

ConcurrencyTable::Found ConcurrencyTable::find(Line& line, std::uint64_t tag) {
    Found found;
    bool has_own = false;
    for (auto& slot : line.slots) {
        const auto word = slot.load();
        const bool is_free = count_of(word) == 0;
        const bool is_own = !is_free && (word & ~count_mask) == tag;
        found.count += is_own ? count_of(word) : 0;
        if ((is_own && !has_own) || (is_free && !found.slot)) found.slot = &slot, found.seen = word;
        has_own = has_own || is_own;
    }
    return found;
}

ConcurrencyDecision ConcurrencyTable::acquire(std::uint64_t hash, std::uint32_t max) {
    const auto tag = hash & ~count_mask;
    auto& line = lines_[count_of(hash) % lines_.size()];
    for (;;) {
        auto found = find(line, tag);
        if (found.count >= max) return {false};
        if (!found.slot) return {true};
        const auto next = tag | (count_of(found.seen) + 1);
        if (!found.slot->compare_exchange_strong(found.seen, next)) continue;
        if (find(line, tag).count <= max) return {true, found.slot};
        release(*found.slot);
    }
}

} // namespace weir::proxy::limits
