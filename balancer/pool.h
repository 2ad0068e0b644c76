// A pool as one worker sees it: its members, who of them may get a request now (rank.h), and the algorithm that
// chooses.
//
// The picture is drawn anew only when it may have changed: while all is quiet, a choice costs what the algorithm costs.
//
// Thread: one worker's thread. Verdicts are read as they stand.
// Lifetime: shares its backends.
#pragma once

#include "balancer/algorithm.h"
#include "balancer/backend.h"
#include "balancer/rank.h"
#include "balancer/seat.h"
#include "conf/units.h"

#include <chrono>
#include <optional>
#include <span>
#include <vector>

namespace weir::balancer {

struct Member {
    BackendPtr backend;
    std::uint32_t weight = 1;
    conf::AdminState state = conf::AdminState::ready;
    std::uint32_t max_connections = 0; // 0: no limit
    bool backup = false;
    TimePoint avoided_until{}; // connecting to it has just failed on this worker
};

struct PoolSettings {
    conf::Algorithm algorithm = conf::Algorithm::round_robin;
    AlgorithmMaker make; // of that algorithm, for these members
    conf::Percent panic_threshold;
    conf::Duration slow_start{0};
    std::size_t worker = 0; // whose counters the members' load goes to
    std::uint64_t seed = 0;
};

// What a request brings to a choice.
struct Ask {
    std::span<const std::size_t> tried; // not to be asked again
    TimePoint now;
    std::optional<std::uint64_t> key = std::nullopt;     // what the algorithm `hash` goes by
    std::optional<std::size_t> preferred = std::nullopt; // where the client belongs
};

struct Choice {
    enum class Outcome {
        chosen,
        full,   // those that might be asked carry all that they may
        nobody, // no one is left to ask
    };
    Outcome outcome;
    std::size_t member = 0;
    Seat seat{}; // of a chosen one
};

class Pool final : private Loads {
public:
    Pool(PoolSettings settings, std::vector<Member> members);

    Choice choose(const Ask& ask);

    // Connecting to a member failed: for a moment the others are asked first, so that a dead backend costs a worker
    // one try now and then, not one of every few requests, until health has noticed.
    void note_connect_failure(std::size_t member, TimePoint now);

    // Goes on where `old` was: positions and avoidance of the members that stay.
    void adopt(const Pool& old);

    // Whether a client goes on to belong to this member, though it may be somebody else's guest for once.
    bool is_home(std::size_t member, TimePoint now) const { return balancer::is_home(look_at(members_[member], now)); }

    const std::vector<Member>& members() const { return members_; }
    PoolState* state() const { return members_.empty() ? nullptr : &members_[0].backend->pool_state(); }

private:
    Availability look_at(const Member& member, TimePoint now) const;
    bool is_panic(TimePoint now) const;
    void look_around(std::span<const std::size_t> tried, TimePoint now);
    std::uint32_t ramp_of(const Member& member, TimePoint now);
    bool holds(const Ask& ask) const; // the picture
    std::vector<std::ptrdiff_t> find_origins(const Pool& old) const;
    std::optional<Seat> seat_at(std::size_t member);
    std::uint64_t of(std::size_t candidate) const override;

    PoolSettings settings_;
    std::vector<Member> members_;
    std::unique_ptr<Algorithm> algorithm_;
    Random random_;
    std::vector<Candidate> candidates_; // as of the last look around
    std::vector<Rank> ranks_;           // its scratch
    std::vector<std::size_t> full_;     // those without a free seat, in this choice
    Rank best_ = out;                   // the rank of those who may be asked
    bool room_ = false;                 // any of them is eligible
    std::optional<std::uint64_t> seen_; // the pool's version then; unset where the picture holds no longer
    TimePoint look_again_{};            // it holds until then at most
};

} // namespace weir::balancer
