// The largest value that a number had within about the last minute. It fades instead of dropping at once.
//
// A burst counts in full for 30 to 40 s and then less with each window of 10 s, so that the resources that were kept
// for it are released in small portions.
//
// Thread: one worker's thread; the clock is an argument.
// Lifetime: a value.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weir {

class RecentPeak {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    static constexpr std::chrono::seconds window{10};
    static constexpr std::int64_t full_windows = 4;  // including the current one
    static constexpr std::int64_t total_windows = 7; // in each later window a value counts a quarter less

    // Records a value.
    void note(std::size_t value, TimePoint now);
    // Returns the faded peak; 0 if no value was recorded recently.
    std::size_t read(TimePoint now) const;

private:
    struct Window {
        std::int64_t number = -total_windows;
        std::size_t peak = 0;
    };

    std::array<Window, total_windows> windows_{};
};

} // namespace weir
