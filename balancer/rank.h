// The order in which a pool's members are used: only members of the best rank that occurs are eligible.
//
// Thread: pure functions.
// Lifetime: none.
#pragma once

#include "balancer/backend.h"
#include "conf/model/config.h"

namespace weir::balancer {

// What is known about a member at one moment.
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
inline constexpr Rank out = 99; // not eligible at all

// Returns the rank of a member; a lower one is better. Healthy members come first, then healthy backups, members with
// an unknown verdict, and backups with an unknown verdict. Within each group, members to which connecting has just
// failed come last.
constexpr Rank rank_of(const Availability& member) {
    if (member.state != conf::AdminState::ready || member.is_sick()) return out;
    return (member.verdict == Verdict::unknown ? 4 : 0) + (member.backup ? 2 : 0) + (member.avoided ? 1 : 0);
}

// Returns the rank of a member in panic mode, when so few members are healthy that they would be overloaded. Every
// member is then used, except for members that an operator has taken out of service.
constexpr Rank rank_in_panic(const Availability& member) {
    if (member.state != conf::AdminState::ready) return out;
    return (member.backup ? 2 : 0) + (member.avoided ? 1 : 0);
}

// Returns true if a client stays pinned to this member: a drained member keeps its clients.
constexpr bool is_home(const Availability& member) {
    return member.state != conf::AdminState::maint && !member.is_sick();
}

} // namespace weir::balancer
