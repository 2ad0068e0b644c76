// A hash that is the same on every machine of a fleet and in every later version, since it decides which backend a key
// leads to. Not for secrets.
//
// Thread: pure functions.
// Lifetime: none.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::balancer {

// Spreads the bits of a number over the whole word (the finaliser of MurmurHash3).
constexpr std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccd;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53;
    return x ^ (x >> 33);
}

// FNV-1a, mixed.
constexpr std::uint64_t stable_hash(std::string_view bytes) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return mix(hash);
}

} // namespace weir::balancer
