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
#include <vector>

namespace weir::proxy {

// What one backend has counted so far, in all.
struct BackendCount {
    std::uintptr_t backend = 0; // tells it apart from others of its time
    std::uint64_t tries = 0, errors = 0;
};

// How a pool is.
struct PoolPicture {
    std::uint64_t members = 0, sick = 0; // that should serve; of them, down or ejected
    std::vector<BackendCount> counts;    // of all its members

    std::uint64_t healthy_percent() const { return members == 0 ? 100 : (members - sick) * 100 / members; }
};

using Picture = std::map<std::string, PoolPicture>; // by pool
using ErrorRates = std::map<std::string, double>;   // likewise, from 0 to 1

// How many tries there were in a while, and how many of them failed.
struct Tries {
    std::uint64_t tries = 0, errors = 0;
};
using PoolTries = std::map<std::string, Tries>; // by pool

inline constexpr std::uint64_t least_tries = 20; // fewer say nothing about an error rate

struct Before {
    Picture picture;   // just before the change
    Picture counters;  // just after it: what its backends had counted until then
    ErrorRates errors; // over the last while before it; of a pool that was too quiet, since it began
};

// Unset while all is well; otherwise what is worse, in a sentence. A pool that was as bad before is not held against
// the change.
std::optional<std::string> find_worse(const conf::Rollback& rules, const Before& before, const Picture& now);

// What happened between two pictures. Backends that have left are not counted; those that have come began at zero.
PoolTries tries_between(const Picture& from, const Picture& to);

// The share of tries that failed, of pools that have had enough of them.
ErrorRates error_rates(const PoolTries& tries);

} // namespace weir::proxy
