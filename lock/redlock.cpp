#include "lock/redlock.h"

#include "lock/gather.h"
#include "lock/redis_lock.h"

#include <algorithm>

namespace weir::lock {

namespace asio = boost::asio;

namespace {

// Clocks that run at different speeds: a hundredth of the time, and a little more.
std::chrono::milliseconds drift_of(std::chrono::milliseconds ttl) { return ttl / 100 + std::chrono::milliseconds(2); }

} // namespace

Redlock::Redlock(asio::any_io_executor executor, std::vector<RedisOptions> servers, const LeaseTerms& terms,
                 Fences fences)
    : executor_(executor), ttl_(terms.ttl), fences_(std::move(fences)) {
    for (auto& server : servers) servers_.push_back(std::make_shared<RedisLeases>(executor, std::move(server), terms));
}

Clock::time_point Redlock::deadline_from(Clock::time_point began) const { return began + ttl_ - drift_of(ttl_); }

boost::system::error_code Redlock::fail(const Votes& votes) {
    problem_ = std::to_string(votes.yes + votes.no) + " of " + std::to_string(servers_.size()) +
               " servers answer: " + votes.problem;
    return LockError::unavailable;
}

// Questions are made before they are asked: g++ 12 destroys twice what is made within an expression that waits.
// All at once: a server that hangs costs its time limit, not one after the other.
Awaitable<Redlock::Votes> Redlock::ask_all(Ask ask) {
    std::vector<Awaitable<Result<std::uint64_t>>> questions;
    for (const auto& server : servers_) questions.push_back(ask(*server));
    const auto answers = co_await gather(executor_, std::move(questions));
    Votes votes;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const auto& answer = answers[i];
        if (answer) {
            ++votes.yes;
            votes.fence = std::max(votes.fence, *answer);
        } else if (answer.error() == LockError::held || answer.error() == LockError::lost) {
            ++votes.no;
        } else {
            votes.problem += (votes.problem.empty() ? "" : "; ") + servers_[i]->problem();
        }
    }
    co_return votes;
}

Awaitable<Result<Lease>> Redlock::try_acquire(std::string holder) {
    const auto floor = co_await fences_.read();
    if (!floor) {
        problem_ = "the fence in state_dir: " + floor.error().message();
        co_return LockError::unavailable;
    }
    const auto began = Clock::now();
    Lease lease{0, make_token(holder), deadline_from(began)};
    const Ask take = [token = lease.token, least = *floor](RedisLeases& server) { return server.take(token, least); };
    const auto taken = co_await ask_all(take);
    bool stands = is_majority(taken.yes);
    if (stands) { // before it counts: whoever is next must have a higher one
        lease.fence = taken.fence;
        const Ask raise = [fence = lease.fence](RedisLeases& server) { return server.raise_fence(fence); };
        const auto raised = co_await ask_all(raise);
        stands = is_majority(raised.yes) && Clock::now() < lease.deadline;
    }
    boost::system::error_code unwritten;
    if (stands) unwritten = co_await fences_.raise(lease.fence);
    if (stands && !unwritten) co_return lease;
    co_await release(lease);
    if (stands) problem_ = "the fence in state_dir: " + unwritten.message();
    if (stands) co_return LockError::unavailable;
    // Where a majority can answer, it is others that have it, or want it at this moment.
    if (is_majority(taken.yes + taken.no)) co_return LockError::held;
    co_return fail(taken);
}

Awaitable<boost::system::error_code> Redlock::renew(Lease& lease) {
    const auto began = Clock::now();
    const Ask extend = [token = lease.token](RedisLeases& server) { return server.extend(token); };
    const auto votes = co_await ask_all(extend);
    if (is_majority(votes.yes)) {
        lease.deadline = deadline_from(began);
        co_return boost::system::error_code();
    }
    if (is_majority(votes.no)) co_return LockError::lost;
    co_return fail(votes);
}

Awaitable<void> Redlock::release(Lease lease) {
    const auto problem = problem_;
    const Ask give_back = [token = lease.token](RedisLeases& server) { return server.give_back(token); };
    co_await ask_all(give_back);
    problem_ = problem;
}

} // namespace weir::lock
