// How the requests of a route are split between pools.
//
// Thread: immutable.
// Lifetime: values.
#pragma once

#include "base/sip_hash.h"
#include "conf/model/client_key.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::proxy::http {

class PoolSplit {
public:
    struct Part {
        std::size_t pool;    // index into Snapshot::pools
        std::uint32_t share; // percent
    };

    PoolSplit() = default; // no split
    // The shares add up to 100. A client has the same point in all splits with the same `salt`.
    PoolSplit(std::vector<Part> parts, const conf::ClientKey& by, std::string_view salt);

    bool empty() const { return parts_.empty(); }
    const std::vector<Part>& parts() const { return parts_; }
    const conf::ClientKey& by() const { return by_; }

    // Returns the point of a client in the range of all, the same on every machine and after every restart.
    std::uint64_t point_of(std::string_view client) const { return sip_hash(key_, client); }
    // Returns the index of the part that serves a point, which may also be random. The parts divide the range in their
    // order, so a change of shares moves no more clients than it must.
    std::size_t part_at(std::uint64_t point) const;

private:
    std::vector<Part> parts_;
    conf::ClientKey by_;
    SipKey key_{};
};

} // namespace weir::proxy::http
