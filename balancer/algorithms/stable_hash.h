// A hash that is the same on every machine of a fleet and in every later version, because it decides which backend
// serves a key. It is not suitable for secrets.
//
// Thread: pure functions.
// Lifetime: none.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::balancer {

// Returns a number in which every bit depends on all bits of `x` (the finaliser of MurmurHash3).
constexpr std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccd;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53;
    return x ^ (x >> 33);
}

// Returns the FNV-1a hash of the bytes, passed through mix().
constexpr std::uint64_t stable_hash(std::string_view bytes) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return mix(hash);
}

} // namespace weir::balancer
