// Whether a change has made things worse: what is asked again and again while it is watched.
//
// Thread: pure functions and values.
// Lifetime: values.
#pragma once

#include "conf/config.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace weir::proxy {

// How a pool is, and what its backends have counted so far.
struct PoolPicture {
    std::uint64_t members = 0, sick = 0; // that should serve; of them, down or ejected
    std::uint64_t tries = 0, errors = 0;

    std::uint64_t healthy_percent() const { return members == 0 ? 100 : (members - sick) * 100 / members; }
};

using Picture = std::map<std::string, PoolPicture>; // by pool
using ErrorRates = std::map<std::string, double>;   // likewise, from 0 to 1

inline constexpr std::uint64_t least_tries = 20; // fewer say nothing about an error rate

struct Before {
    Picture picture;   // just before the change
    Picture counters;  // just after it: what its backends had counted until then
    ErrorRates errors; // over the last while before it; of a pool that was too quiet, since it began
};

// Unset while all is well; otherwise what is worse, in a sentence. A pool that was as bad before is not held against
// the change.
std::optional<std::string> find_worse(const conf::Rollback& rules, const Before& before, const Picture& now);

// The share of tries that failed between two pictures, of pools that have had enough of them.
ErrorRates error_rates(const Picture& from, const Picture& to);

} // namespace weir::proxy
