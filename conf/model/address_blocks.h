// A set of address blocks, such as `trusted_proxies`. It finds in O(log n) whether any of n blocks contains an address.
//
// Thread: immutable once built.
// Lifetime: owns its blocks.
#pragma once

#include "conf/model/address.h"

#include <span>
#include <vector>

namespace weir::conf {

class AddressBlocks {
public:
    AddressBlocks() = default;
    explicit AddressBlocks(std::span<const Cidr> blocks);

    // Returns whether Cidr::contains() is true for any of the blocks.
    bool contains(const Address& address) const;

private:
    using Bytes = std::array<unsigned char, 16>; // in network order, so that they compare as the addresses do

    struct Range {
        Bytes first, last;
    };

    std::vector<Range> v4_, v6_; // sorted; none overlaps another
};

} // namespace weir::conf
