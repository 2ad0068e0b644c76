#include "conf/model/address_blocks.h"

#include <algorithm>
#include <cstring>

namespace weir::conf {

AddressBlocks::AddressBlocks(std::span<const Cidr> blocks) {
    for (const auto& block : blocks) {
        Range range{block.bytes, block.bytes};
        const std::size_t size = block.family == AF_INET ? 4 : 16;
        for (std::size_t i = 0; i < size; ++i) {
            const auto fixed = std::min<std::size_t>(8, block.prefix - std::min<std::size_t>(block.prefix, 8 * i));
            const auto free = static_cast<unsigned char>(0xff >> fixed);
            range.first[i] = static_cast<unsigned char>(range.first[i] & ~free);
            range.last[i] = static_cast<unsigned char>(range.last[i] | free);
        }
        if (block.family == AF_INET) v4_.push_back(range);
        if (block.family == AF_INET6) v6_.push_back(range);
    }
    for (auto* ranges : {&v4_, &v6_}) {
        std::sort(ranges->begin(), ranges->end(), [](const Range& a, const Range& b) {
            return a.first != b.first ? a.first < b.first : a.last > b.last; // a block comes before those within it
        });
        // Two blocks have no address in common unless one contains the other.
        const auto is_within = [](const Range& outer, const Range& inner) { return inner.last <= outer.last; };
        ranges->erase(std::unique(ranges->begin(), ranges->end(), is_within), ranges->end());
    }
}

bool AddressBlocks::contains(const Address& address) const {
    if (!address.is_set()) return false;
    const auto plain = address.unmapped();
    const auto* bytes = plain.bytes().data();
    const bool is_v4 = plain.family() == AF_INET;
    const std::size_t size = is_v4 ? 4 : 16; // of the bytes to compare
    const auto& ranges = is_v4 ? v4_ : v6_;
    const auto after = std::partition_point(ranges.begin(), ranges.end(), [&](const Range& range) {
        return std::memcmp(range.first.data(), bytes, size) <= 0;
    });
    return after != ranges.begin() && std::memcmp(bytes, std::prev(after)->last.data(), size) <= 0;
}

} // namespace weir::conf
