// Quantities with a compulsory unit: durations ("5s"), sizes ("16KiB"), shares ("20%").
//
// Thread: pure functions and values.
// Lifetime: own what they hold.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::conf {

using Duration = std::chrono::milliseconds;

struct Size {
    std::uint64_t bytes = 0;
    bool operator==(const Size&) const = default;
};

struct Percent {
    std::uint32_t value = 0; // 0 to 100
    bool operator==(const Percent&) const = default;
};

// A number of worker threads; 0 stands for `auto`, one for each core.
struct Workers {
    std::uint32_t count = 0;
    bool operator==(const Workers&) const = default;
};

// How many at a time: a number, or a share of all. One at a time unless told otherwise.
struct Parallel {
    std::uint32_t count = 1;
    Percent share;                           // 0%: `count` says it
    std::uint32_t of(std::size_t all) const; // at least 1
    bool operator==(const Parallel&) const = default;
};

// A text that is never shown: not in logs, status, plans or errors.
struct Secret {
    std::string text;
    bool operator==(const Secret&) const = default;
};

// Each reads one scalar. On failure `why` says what is wrong and how to write it; otherwise `why` stays as it was.
// Durations reach from 1ms to 365d: ms, s, m, h, d.
Duration parse_duration(std::string_view text, std::string& why);
Size parse_size(std::string_view text, std::string& why);
Percent parse_percent(std::string_view text, std::string& why);
Workers parse_workers(std::string_view text, std::string& why);
Parallel parse_parallel(std::string_view text, std::string& why);
// A whole number in plain decimal, from `least` to `most`: no sign, no leading zero, no underscore.
std::uint64_t parse_whole(std::string_view text, std::uint64_t least, std::uint64_t most, std::string& why);

std::string format(Duration duration); // "5s", "1500ms"
std::string format(Size size);         // "16KiB", "1000"
std::string format(Percent percent);
std::string format(Workers workers);
std::string format(Parallel parallel);

} // namespace weir::conf
