// For how long a backend that fails live requests is put out: the base time at first, twice that the second time, and
// so on, up to ten times. Every base time that it serves well forgives one of its ejections.
//
// Thread: values, pure; time is an argument.
// Lifetime: none.
#pragma once

#include "conf/config.h"

#include <chrono>
#include <cstdint>

namespace weir::health {

class OutlierHistory {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    static constexpr std::uint32_t longest = 10; // base times

    // It is ejected at `now`; returns for how long.
    conf::Duration eject(TimePoint now, conf::Duration base_time);
    // Its last ejection is not held against it.
    void pardon() { count_ -= count_ > 0; }
    // It came back at `now`.
    void come_back(TimePoint now) { back_since_ = now; }

private:
    std::uint32_t count_ = 0; // ejections that are not forgiven
    TimePoint back_since_{};
};

// Whether one more of `members` may be ejected where `ejected` of them are already.
constexpr bool may_eject(std::size_t ejected, std::size_t members, conf::Percent most) {
    return (ejected + 1) * 100 <= members * most.value;
}

} // namespace weir::health
