// In which order a pool's members are asked: all of the best rank first, the next only when none of it may be asked.
//
// Thread: pure functions.
// Lifetime: none.
#pragma once

#include "balancer/backend.h"
#include "conf/config.h"

namespace weir::balancer {

// What there is to know of a member at one moment.
struct Availability {
    conf::AdminState state = conf::AdminState::ready;
    Verdict verdict = Verdict::unknown;
    Ejection ejection = Ejection::none;
    bool backup = false;
    bool avoided = false; // connecting to it has just failed on this worker

    constexpr bool is_sick() const { return balancer::is_sick(verdict, ejection); }
    bool is_healthy() const { return verdict == Verdict::up && ejection == Ejection::none; }
};

using Rank = int;
inline constexpr Rank out = 99; // may not be asked at all

// Healthy members, then healthy backups, then members of which nothing is known, then such backups; of each, those to
// which connecting has just failed come last.
constexpr Rank rank_of(const Availability& member) {
    if (member.state != conf::AdminState::ready || member.is_sick()) return out;
    return (member.verdict == Verdict::unknown ? 4 : 0) + (member.backup ? 2 : 0) + (member.avoided ? 1 : 0);
}

// Too few are healthy for ejecting to help: whoever is left would be overrun. Every member is asked then but those
// that an operator has taken out.
constexpr Rank rank_in_panic(const Availability& member) {
    if (member.state != conf::AdminState::ready) return out;
    return (member.backup ? 2 : 0) + (member.avoided ? 1 : 0);
}

// Whether a client goes on to belong to this member: a drained one keeps those that it has.
constexpr bool is_home(const Availability& member) {
    return member.state != conf::AdminState::maint && !member.is_sick();
}

} // namespace weir::balancer
