// One worker's view of a pool: its members, the ones that are eligible (rank.h), and the algorithm that chooses a
// member.
//
// The candidates are refreshed only if they may have changed. Otherwise a choice costs only what the algorithm costs.
//
// Thread: one worker's thread. It reads verdicts without a lock.
// Lifetime: shares its backends.
#pragma once

#include "balancer/algorithms/algorithm.h"
#include "balancer/backend.h"
#include "balancer/connection_slot.h"
#include "balancer/rank.h"
#include "conf/model/units.h"

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
    TimePoint backed_off_until{}; // set if connecting to it has just failed on this worker
};

struct PoolSettings {
    conf::Algorithm algorithm = conf::Algorithm::round_robin;
    AlgorithmMaker make; // creates that algorithm for these members
    conf::Percent panic_threshold;
    conf::Duration slow_start{0};
    std::size_t worker = 0; // the index of this worker, for the backends' counters
    std::uint64_t seed = 0;
};

// The inputs of one request to a selection.
struct SelectionRequest {
    std::span<const std::size_t> tried; // members that must not be chosen again
    TimePoint now;
    std::optional<std::uint64_t> key = std::nullopt;     // the key of the algorithm `hash`
    std::optional<std::size_t> preferred = std::nullopt; // the member that the client is pinned to
};

struct Choice {
    enum class Outcome {
        chosen,
        full, // every eligible member is at its limit
        none, // no member is eligible
    };
    Outcome outcome;
    std::size_t member = 0;
    ConnectionSlot seat{}; // of the chosen member
};

class Pool final : private Loads {
public:
    Pool(PoolSettings settings, std::vector<Member> members);

    // Chooses a member, and takes one of its slots if it has a limit.
    Choice choose(const SelectionRequest& ask);

    // Records that connecting to a member failed: for a second, the other members are preferred. Until health checks
    // notice a dead backend, it costs a worker one attempt per second, not one for every few requests.
    void note_connect_failure(std::size_t member, TimePoint now);

    // Takes over the state of `old` for the members that both pools have: algorithm positions and connect back-off.
    void adopt(const Pool& old);

    // Returns true if a client stays pinned to this member, even if another member serves this request.
    bool is_home(std::size_t member, TimePoint now) const { return balancer::is_home(look_at(members_[member], now)); }

    const std::vector<Member>& members() const { return members_; }
    PoolState* state() const { return members_.empty() ? nullptr : &members_[0].backend->pool_state(); }

private:
    Availability look_at(const Member& member, TimePoint now) const;
    bool is_panic(TimePoint now) const;
    void refresh(std::span<const std::size_t> tried, TimePoint now);
    void exclude_full(std::size_t chosen);
    std::uint32_t ramp_of(const Member& member, TimePoint now);
    bool holds(const SelectionRequest& ask) const; // whether `candidates_` are still valid
    std::vector<std::ptrdiff_t> find_origins(const Pool& old) const;
    std::optional<ConnectionSlot> seat_at(std::size_t member);
    std::uint64_t of(std::size_t candidate) const override;

    PoolSettings settings_;
    std::vector<Member> members_;
    std::unique_ptr<Algorithm> algorithm_;
    Random random_;
    std::vector<Candidate> candidates_; // as of the last refresh
    std::vector<Rank> ranks_;           // scratch of refresh()
    Rank best_ = out;                   // the rank of the eligible members
    bool room_ = false;                 // any member is eligible
    std::optional<std::uint64_t> seen_; // the pool's version at the refresh; unset if the candidates are not valid
    TimePoint look_again_{};            // when the candidates expire, whatever the version
};

} // namespace weir::balancer
