// One line of the access log: the combined format that every tool reads, or JSON.
//
// Thread: pure function; a LineClock belongs to one worker.
// Lifetime: a record points to what it describes.
#pragma once

#include "conf/config.h"

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

namespace weir::proxy::log {

struct AccessRecord {
    std::string_view client, method, target, host, referer, user_agent; // method empty: no request could be read
    std::string_view listener, pool, backend;
    int minor_version = 1;
    int status = 0;
    std::uint64_t bytes = 0; // sent to the client, heads included
    std::chrono::microseconds took{0};
    std::uint32_t retries = 0;
};

// The time of a line as text, formatted once a second.
class LineClock {
public:
    void update(std::chrono::system_clock::time_point now);
    std::string_view combined() const { return {combined_, 26}; } // "23/Nov/2026:11:38:00 +0000"
    std::string_view iso() const { return {iso_, 20}; }           // "2026-11-23T11:38:00Z"

private:
    std::int64_t second_ = -1;
    char combined_[32] = "", iso_[32] = "";
};

// Room that the longest line takes: texts from outside are cut where they are longer than that leaves.
inline constexpr std::size_t longest_line = 8 * 1024;

// Writes a line with its end into `out`, which holds at least `longest_line` bytes; returns its length.
std::size_t format_line(std::span<char> out, const AccessRecord& record, const LineClock& clock,
                        conf::AccessFormat format);

} // namespace weir::proxy::log
