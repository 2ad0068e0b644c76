// The Date field (RFC 9110 section 6.6.1), formatted at most once a second.
//
// Thread: one worker's thread.
// Lifetime: a returned text is valid until the next call.
#pragma once

#include <array>
#include <chrono>
#include <string_view>

namespace weir::proxy::http {

class DateClock {
public:
    // Returns the time in the form "Sun, 06 Nov 1994 08:49:37 GMT".
    std::string_view text(std::chrono::system_clock::time_point now);

private:
    std::chrono::sys_seconds second_ = std::chrono::sys_seconds::min();
    std::array<char, 64> text_{};
};

} // namespace weir::proxy::http
