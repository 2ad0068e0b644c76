// SipHash-2-4: a keyed hash. Collisions cannot be constructed without the key (Aumasson and Bernstein, 2012).
//
// Thread: pure functions, but for random_sip_key.
// Lifetime: values.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <random>
#include <string_view>

namespace weir {

using SipKey = std::array<std::uint64_t, 2>;

// Returns a key from the system's random numbers.
inline SipKey random_sip_key() {
    std::random_device random;
    const auto word = [&] { return std::uint64_t{random()} << 32 | random(); };
    return {word(), word()};
}

// Returns the hash of `bytes`. Its cost is linear in their number.
inline std::uint64_t sip_hash(const SipKey& key, std::string_view bytes) {
    std::uint64_t a = key[0] ^ 0x736f6d6570736575, b = key[1] ^ 0x646f72616e646f6d;
    std::uint64_t c = key[0] ^ 0x6c7967656e657261, d = key[1] ^ 0x7465646279746573;
    const auto mix = [&](int rounds) {
        while (rounds-- > 0) {
            a += b, b = std::rotl(b, 13) ^ a, a = std::rotl(a, 32);
            c += d, d = std::rotl(d, 16) ^ c;
            a += d, d = std::rotl(d, 21) ^ a;
            c += b, b = std::rotl(b, 17) ^ c, c = std::rotl(c, 32);
        }
    };
    const auto take = [&](std::size_t count) { // little-endian
        std::uint64_t word = 0;
        for (std::size_t i = count; i-- > 0;) word = word << 8 | static_cast<unsigned char>(bytes[i]);
        bytes.remove_prefix(count);
        return word;
    };
    const auto absorb = [&](std::uint64_t word) {
        d ^= word;
        mix(2);
        a ^= word;
    };
    const auto length = static_cast<std::uint64_t>(bytes.size());
    while (bytes.size() >= 8) absorb(take(8));
    absorb(length << 56 | take(bytes.size()));
    c ^= 0xff;
    mix(4);
    return a ^ b ^ c ^ d;
}

} // namespace weir
