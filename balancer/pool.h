// A pool as one worker sees it: its members, who of them may get a request now, and the algorithm that chooses.
//
// Who is asked first: healthy members; then healthy ones to which connecting has just failed; then ones of which
// nothing is known yet. A member that is down, drained or in maintenance is never asked.
//
// Thread: one worker's thread. Verdicts are read as they stand.
// Lifetime: shares its backends.
#pragma once

#include "balancer/algorithm.h"
#include "balancer/backend.h"
#include "conf/config.h"

#include <chrono>
#include <optional>
#include <span>
#include <vector>

namespace weir::balancer {

using TimePoint = std::chrono::steady_clock::time_point;

struct Member {
    BackendPtr backend;
    std::uint32_t weight = 1;
    conf::AdminState state = conf::AdminState::ready;
    TimePoint avoided_until{}; // connecting to it has just failed on this worker
};

class Pool {
public:
    Pool(conf::Algorithm algorithm, std::vector<Member> members);

    // The next member's index, none of `tried`; unset where no one is left to ask.
    std::optional<std::size_t> choose(std::span<const std::size_t> tried, TimePoint now);

    // Connecting to a member failed: for a moment the others are asked first, so that a dead backend costs a worker
    // one try now and then, not one of every few requests, until health has noticed.
    void note_connect_failure(std::size_t member, TimePoint now);

    // Goes on where `old` was: positions and avoidance of the members that stay.
    void adopt(const Pool& old);

    const std::vector<Member>& members() const { return members_; }

private:
    int rank(std::size_t member, TimePoint now) const;

    conf::Algorithm which_;
    std::vector<Member> members_;
    std::unique_ptr<Algorithm> algorithm_;
    std::vector<Candidate> candidates_; // scratch of choose()
    std::vector<int> ranks_;            // likewise
};

} // namespace weir::balancer
