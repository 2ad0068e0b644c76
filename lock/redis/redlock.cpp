#include "lock/redis/redlock.h"

#include "lock/redis/redis_lock.h"

#include <algorithm>

namespace weir::lock {

namespace asio = boost::asio;

namespace {

// Returns the allowance for clocks that run at different speeds: 1 % of the time, plus 2 ms.
std::chrono::milliseconds drift_of(std::chrono::milliseconds ttl) { return ttl / 100 + std::chrono::milliseconds(2); }

// Shares ownership of the server's client, because the server may answer after the lock is destroyed.
Awaitable<Result<std::uint64_t>> ask_server(std::shared_ptr<RedisLeases> server,
                                            std::function<Awaitable<Result<std::uint64_t>>(RedisLeases&)> ask) {
    auto question = ask(*server);
    co_return co_await std::move(question);
}

} // namespace

Redlock::Redlock(asio::any_io_executor executor, std::vector<RedisOptions> servers, const LeaseTerms& terms,
                 AsyncFenceStore fences)
    : executor_(executor), ttl_(terms.ttl), fences_(std::move(fences)) {
    for (auto& server : servers) servers_.push_back(std::make_shared<RedisLeases>(executor, std::move(server), terms));
}

Clock::TimePoint Redlock::deadline_from(Clock::TimePoint began) const { return began + ttl_ - drift_of(ttl_); }

Error Redlock::too_few(const Votes& votes) const {
    return {LockError::unavailable, std::to_string(votes.yes + votes.no) + " of " + std::to_string(servers_.size()) +
                                        " servers answer: " + votes.problem};
}

Redlock::Votes Redlock::count(const Gathered<Result<std::uint64_t>>& answers) const {
    Votes votes;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const auto& answer = answers[i];
        if (answer && *answer) {
            ++votes.yes;
            votes.fence = std::max(votes.fence, **answer);
        } else if (answer && (answer->error() == LockError::held || answer->error() == LockError::lost)) {
            ++votes.no;
        } else {
            votes.problem += votes.problem.empty() ? "" : "; ";
            votes.problem += answer ? answer->error().message() : servers_[i]->state();
        }
    }
    return votes;
}

// Queries all servers in parallel. Once the others decide, a server that hangs gets only the grace period of `gather`.
// The coroutines are created beforehand: g++ 12 destroys temporaries of an expression with co_await twice.
Awaitable<Redlock::Votes> Redlock::ask_all(Question ask) {
    std::vector<Awaitable<Result<std::uint64_t>>> questions;
    questions.reserve(servers_.size());
    for (const auto& server : servers_) questions.push_back(ask_server(server, ask));
    const auto is_decided = [this](const Gathered<Result<std::uint64_t>>& answers) {
        const auto votes = count(answers);
        return is_majority(votes.yes) || is_majority(votes.no);
    };
    const auto answers = co_await gather<Result<std::uint64_t>>(executor_, std::move(questions), is_decided);
    co_return count(answers);
}

Awaitable<Result<Lease>> Redlock::try_acquire(std::string holder) {
    const auto floor = co_await fences_.read();
    if (!floor) co_return fence_error(floor.error());
    const auto began = clock_of(executor_).now();
    Lease lease{0, make_token(holder), deadline_from(began)};
    const Question take = [token = lease.token, least = *floor](RedisLeases& server) {
        return server.take(token, least);
    };
    const auto taken = co_await ask_all(take);
    bool stands = is_majority(taken.yes);
    Votes raised;
    if (stands) { // the next holder must get a higher fence, so it is stored before the lease counts
        lease.fence = taken.fence;
        const Question raise = [fence = lease.fence](RedisLeases& server) { return server.raise_fence(fence); };
        raised = co_await ask_all(raise);
        stands = is_majority(raised.yes) && clock_of(executor_).now() < lease.deadline;
    }
    Result<void> written;
    if (stands) written = co_await fences_.raise(lease.fence);
    if (stands && written) co_return lease;
    co_await release(lease);
    if (stands) co_return fence_error(written.error());
    if (is_majority(taken.yes) && !is_majority(raised.yes)) co_return too_few(raised);
    if (is_majority(taken.yes))
        co_return Error(LockError::unavailable,
                        "the servers took longer to answer than the lease lasts (reload.lock.ttl)");
    // If a majority has answered, other machines hold the lock or compete for it at this moment.
    if (is_majority(taken.yes + taken.no)) co_return LockError::held;
    co_return too_few(taken);
}

Awaitable<Result<void>> Redlock::renew(Lease& lease) {
    const auto began = clock_of(executor_).now();
    const Question extend = [token = lease.token](RedisLeases& server) { return server.extend(token); };
    const auto votes = co_await ask_all(extend);
    if (is_majority(votes.yes)) {
        lease.deadline = deadline_from(began);
        co_return Result<void>();
    }
    if (is_majority(votes.no)) co_return LockError::lost;
    co_return too_few(votes);
}

Awaitable<void> Redlock::release(Lease lease) {
    const Question release = [token = lease.token](RedisLeases& server) { return server.release(token); };
    co_await ask_all(release);
}

} // namespace weir::lock
