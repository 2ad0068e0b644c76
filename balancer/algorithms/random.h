// A small, fast random number generator (SplitMix64), not for security. Tests pass a fixed seed.
//
// Thread: one thread at a time.
// Lifetime: a value.
#pragma once

#include <cstdint>

namespace weir::balancer {

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    // Returns a number below `bound`, which must not be 0. Multiplies instead of dividing; for a bound below 2^32, the
    // bias is below 2^-32.
    std::uint64_t below(std::uint64_t bound) {
        __extension__ using Wide = unsigned __int128;
        return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
    }

private:
    std::uint64_t state_;
};

} // namespace weir::balancer
