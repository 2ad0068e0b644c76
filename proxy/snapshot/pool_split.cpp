#include "proxy/snapshot/pool_split.h"

#include <utility>

namespace weir::proxy::http {

PoolSplit::PoolSplit(std::vector<Part> parts, const conf::ClientKey& by, std::string_view salt)
    : parts_(std::move(parts)), by_(by), key_{sip_hash({0, 0}, salt), 0} {}

std::size_t PoolSplit::part_at(std::uint64_t point) const {
    const auto percent = static_cast<std::uint32_t>((point >> 32) * 100 >> 32); // 0 to 99
    std::uint32_t end = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        end += parts_[i].share;
        if (percent < end) return i;
    }
    return parts_.size() - 1;
}

} // namespace weir::proxy::http
