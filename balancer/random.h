// A small, quick source of chance (SplitMix64), for choices that nobody's safety depends on. Its seed is an argument,
// so that tests repeat.
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
    // A number below `bound`, which is not 0; the bias of a multiplication instead of a division is below 2^-32.
    std::uint64_t below(std::uint64_t bound) {
        return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
    }

private:
    std::uint64_t state_;
};

} // namespace weir::balancer
