// Quantities: durations ("5s"), sizes ("16KiB") and percentages ("20%"), which require a unit, and numbers of workers
// and machines.
//
// Thread: pure functions and values.
// Lifetime: values that own their data.
#pragma once

#include "base/result.h"

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

// A number of worker threads; 0 means `auto`, one per core.
struct Workers {
    std::uint32_t count = 0;
    bool operator==(const Workers&) const = default;
};

// A degree of parallelism: a number of machines, or a share of all machines. The default is one at a time.
struct Parallel {
    std::uint32_t count = 1;
    Percent share; // 0%: use `count`
    // Returns the number of machines, of `all`; at least 1.
    std::uint32_t of(std::size_t all) const;
    bool operator==(const Parallel&) const = default;
};

// A number of requests in a time.
struct Rate {
    std::uint32_t count = 0;
    Duration per{1000};
    bool operator==(const Rate&) const = default;
};

// A secret text. It is never shown in logs, status, plans or errors.
struct Secret {
    std::string text;
    bool operator==(const Secret&) const = default;
};

// These functions parse one scalar. An error says what is wrong and which form is expected. Durations range from 1ms to
// 365d, with the units ms, s, m, h and d.
Result<Duration> parse_duration(std::string_view text);
Result<Size> parse_size(std::string_view text);
Result<Percent> parse_percent(std::string_view text);
Result<Workers> parse_workers(std::string_view text);
Result<Parallel> parse_parallel(std::string_view text);
// Parses a rate with the unit s, m, h or d, such as "100/s".
Result<Rate> parse_rate(std::string_view text);
// Parses a plain decimal number from `least` to `most`, without a sign, leading zeros or underscores.
Result<std::uint64_t> parse_whole(std::string_view text, std::uint64_t least, std::uint64_t most);

// These functions format a value as it is written in a configuration.
std::string format(Duration duration); // "5s", "1500ms"
std::string format(Size size);         // "16KiB", "1000B"
std::string format(Percent percent);
std::string format(Workers workers);
std::string format(Parallel parallel);
std::string format(Rate rate); // "100/s"

} // namespace weir::conf
