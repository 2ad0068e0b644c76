// Formats a duration for messages: "400 ms", "2 s", "2.5 s".
//
// Thread: a pure function.
// Lifetime: the result owns its text.
#pragma once

#include <chrono>
#include <string>

namespace weir::lock {

// Returns the duration as text. From one second on, it is rounded down to tenths of a second.
inline std::string to_words(std::chrono::milliseconds time) {
    const auto ms = time.count();
    if (ms < 1000) return std::to_string(ms) + " ms";
    const auto tenths = ms % 1000 / 100;
    return std::to_string(ms / 1000) + (tenths ? "." + std::to_string(tenths) : "") + " s";
}

} // namespace weir::lock
