#include "lock/lease/acquire.h"

#include "base/event.h"
#include "base/timer.h"
#include "lock/lease/backoff.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include <optional>

namespace weir::lock {

namespace asio = boost::asio;

Awaitable<Result<Lease>> acquire(Lock& lock, std::string holder, std::chrono::milliseconds wait,
                                 std::function<double()> jitter, std::function<bool()> is_over) {
    const auto executor = co_await asio::this_coro::executor;
    const auto& clock = clock_of(executor);
    const auto give_up = clock.now() + wait;
    for (unsigned attempt = 1;; ++attempt) {
        auto result = co_await lock.try_acquire(holder);
        if (result) co_return result;
        const auto delay = backoff(attempt, jitter());
        if (clock.now() + delay >= give_up || is_over()) {
            if (result.error() == LockError::held) co_return LockError::timed_out;
            co_return result.error();
        }
        co_await sleep_for(delay);
        if (is_over()) co_return LockError::timed_out;
    }
}

struct LeaseRenewer::State {
    State(std::shared_ptr<Lock> owner, asio::any_io_executor executor, Lease mine)
        : lock(std::move(owner)), lease(std::move(mine)), timer(executor), renewal_ended(executor) {}
    std::shared_ptr<Lock> lock;
    Lease lease;
    Timer timer;
    Event renewal_ended;
    std::optional<Error> problem; // the error of the last renewal, if it failed
    bool stopped = false, lost = false, renewing = false;
};

LeaseRenewer::LeaseRenewer(std::shared_ptr<Lock> lock, asio::any_io_executor executor, Lease lease)
    : state_(std::make_shared<State>(std::move(lock), executor, std::move(lease))) {
    asio::co_spawn(executor, keep(state_), asio::detached);
}

LeaseRenewer::~LeaseRenewer() {
    state_->stopped = true;
    state_->timer.cancel();
}

bool LeaseRenewer::is_held() const { return !state_->lost && state_->timer.now() < state_->lease.deadline; }

std::string LeaseRenewer::loss() const {
    if (state_->lost) return "the lease expired before it was renewed, or the lock was broken or taken over";
    if (!state_->problem) return "the lease expired before it was renewed: this process was suspended or delayed";
    return "the lease expired because it could not be renewed: " + state_->problem->message();
}

std::uint64_t LeaseRenewer::fence() const { return state_->lease.fence; }

unsigned LeaseRenewer::slot() const { return state_->lease.slot; }

Awaitable<void> LeaseRenewer::keep(std::shared_ptr<State> state) {
    const auto ttl = state->lock->ttl();
    auto due = state->lease.deadline - 2 * ttl / 3; // counted from when the lease was requested
    while (!state->stopped && !state->lost) {
        state->timer.expires_at(due);
        co_await state->timer.wait();
        if (state->stopped) break;
        state->renewing = true;
        const auto renewed = co_await state->lock->renew(state->lease);
        state->renewing = false;
        state->renewal_ended.notify_all();
        if (!renewed && renewed.error() == LockError::lost) state->lost = true;
        state->problem = renewed ? std::nullopt : std::optional(renewed.error());
        due = renewed ? state->lease.deadline - 2 * ttl / 3 : state->timer.now() + ttl / 6;
    }
}

Awaitable<void> LeaseRenewer::release() {
    // This object may be destroyed while the coroutine runs, so the coroutine holds the state.
    const auto state = state_;
    state->stopped = true;
    state->timer.cancel();
    while (state->renewing) co_await state->renewal_ended.wait(); // a renewal would race with the release
    co_await state->lock->release(state->lease);
}

} // namespace weir::lock
