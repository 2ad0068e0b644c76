// Writes failed requests to the error log, rate-limited: each reason may log a few lines at once and then one line per
// second, so that a flood of one kind neither fills the disk nor hides the others. Suppressed lines are counted, and
// the next line with the same reason reports them.
//
// Thread: one worker's thread.
// Lifetime: keeps no part of a record.
#pragma once

#include "proxy/log/access_line.h"

#include <array>
#include <chrono>
#include <string>
#include <utility>

namespace weir::proxy::log {

// Allows events at a steady rate, with a burst.
class RateLimit {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    static constexpr std::uint32_t burst = 5;
    static constexpr auto interval = std::chrono::seconds(1); // for each event beyond the burst

    // Returns true if an event at `now` may pass. Time must not go backwards.
    bool allow(TimePoint now);
    // Returns how many events were suppressed since the last call.
    std::uint64_t take_suppressed() { return std::exchange(suppressed_, 0); }

private:
    std::uint32_t tokens_ = burst;
    TimePoint refilled_{}; // when the last token was added
    std::uint64_t suppressed_ = 0;
};

// Returns `bytes`, which come from outside, escaped for a quoted text: bytes other than printable ASCII become \xHH.
std::string escape_bytes(std::string_view bytes);

// Returns the part of `bytes` around the offset `at`, escaped: at most 32 bytes before it and 64 from it on. `bytes`
// begins with a head; the values of fields with credentials, such as Authorization and Cookie, are replaced by
// "[hidden]".
std::string excerpt(std::string_view bytes, std::size_t at);

class FailureLog {
public:
    // Logs a failed request or TCP connection, unless its reason has reached its rate limit.
    void write(const AccessRecord& record, std::chrono::steady_clock::time_point now);

private:
    std::array<RateLimit, failure_reason_count> limits_;
};

// Returns a description of a failure: its detail, and the system's error.
std::string describe_failure(const Failure& failure);

} // namespace weir::proxy::log
