// Computes how long a backend that fails live requests stays ejected: the base time at first, twice that the second
// time, and so on, up to ten times. Each base time without an ejection removes one earlier ejection from the count.
//
// Thread: values; time is an argument.
// Lifetime: none.
#pragma once

#include "conf/model/config.h"

#include <chrono>
#include <cstdint>

namespace weir::health {

class OutlierHistory {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    static constexpr std::uint32_t longest = 10; // the longest ejection, in base times

    // Records an ejection at `now`; returns its duration.
    conf::Duration eject(TimePoint now, conf::Duration base_time);
    // Removes the last ejection from the count.
    void uneject() { count_ -= count_ > 0; }
    // Records that the backend came back at `now`.
    void come_back(TimePoint now) { back_since_ = now; }

private:
    std::uint32_t count_ = 0; // ejections that still count
    TimePoint back_since_{};
};

// Returns whether one more of `members` backends may be ejected if `ejected` of them already are and at most the share
// `most` may be.
constexpr bool may_eject(std::size_t ejected, std::size_t members, conf::Percent most) {
    return (ejected + 1) * 100 <= members * most.value;
}

} // namespace weir::health
