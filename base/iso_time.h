// Formats times in ISO 8601: "2026-11-23T11:38:00Z".
//
// Thread: pure functions.
// Lifetime: the result owns its text.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <string>

namespace weir {

inline std::string to_iso(std::int64_t unix_time) {
    const std::time_t seconds = unix_time;
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return text;
}

inline std::string to_iso(std::chrono::system_clock::time_point time) {
    return to_iso(static_cast<std::int64_t>(std::chrono::system_clock::to_time_t(time)));
}

} // namespace weir
