// Decides whether a change has made things worse. The canary window calls it repeatedly.
//
// Thread: pure functions and values.
// Lifetime: values.
#pragma once

#include "conf/model/config.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace weir::proxy {

// The totals of one backend.
struct BackendCount {
    std::uintptr_t backend = 0; // identifies it among the backends alive at the time
    std::uint64_t tries = 0, errors = 0;
};

// The health of one pool.
struct PoolSample {
    std::uint64_t members = 0, sick = 0; // members that should serve, and how many of them are down or ejected
    std::vector<BackendCount> counts;    // of all members

    std::uint64_t healthy_percent() const { return members == 0 ? 100 : (members - sick) * 100 / members; }
};

using HealthSample = std::map<std::string, PoolSample>; // keyed by pool
using ErrorRates = std::map<std::string, double>;       // keyed by pool, from 0 to 1

// The number of tries in an interval, and how many of them failed.
struct Tries {
    std::uint64_t tries = 0, errors = 0;
};
using PoolTries = std::map<std::string, Tries>; // keyed by pool

// The totals of each listener: requests or TCP connections, and how many of them weir itself refused.
using ListenerTries = std::map<std::string, Tries>;

inline constexpr std::uint64_t least_tries = 20; // fewer tries give no meaningful error rate

struct Baseline {
    HealthSample sample;          // just before the change
    HealthSample counters;        // just after the change
    ErrorRates errors;            // recent rates before the change; for a quiet pool, since it began
    ListenerTries listeners = {}; // when the change was made
    ErrorRates refusals = {};     // of each listener, like `errors`
};

// Returns a sentence that describes the regression, or nothing if there is none. A pool that was as bad before does not
// count.
std::optional<std::string> find_regression(const conf::Rollback& rules, const Baseline& before,
                                           const HealthSample& now);

// Like find_regression(), but for requests that weir itself refuses, for example because of a missing route or a lower
// limit.
std::optional<std::string> find_refusals(const conf::Rollback& rules, const Baseline& before, const ListenerTries& now);

// Returns the difference between two samples. If a count is lower than before, it belongs to a new listener with the
// same name, and counts from zero.
ListenerTries listeners_between(const ListenerTries& from, const ListenerTries& to);

// Returns the difference between two samples. Removed backends are not counted; new ones start at zero.
PoolTries tries_between(const HealthSample& from, const HealthSample& to);

// Returns the share of failed tries for each pool that has at least `least_tries` tries.
ErrorRates error_rates(const PoolTries& tries);

} // namespace weir::proxy
