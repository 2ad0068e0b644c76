// Runs several operations in parallel and returns when enough have ended, so that a server that hangs does not delay
// the others.
//
// Thread: the control thread.
// Lifetime: an operation that has not ended when `gather` returns continues; it must own what it uses.
#pragma once

#include "base/timer.h"
#include "lock/lease/lock.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace weir::lock {

// The result of each operation, in the order of the operations; unset if it has not ended.
template <class T> using Gathered = std::vector<std::optional<T>>;

// How long the remaining operations may take once enough have ended. Healthy servers answer within this time, so their
// data stays in sync.
inline constexpr std::chrono::milliseconds grace{50};

// Runs the operations. Returns their results `grace` after `is_enough` returned true for them, or when all operations
// have ended. Rethrows an exception of an operation that has ended by then.
template <class T>
Awaitable<Gathered<T>> gather(boost::asio::any_io_executor executor, std::vector<Awaitable<T>> works,
                              std::function<bool(const Gathered<T>&)> is_enough) {
    namespace asio = boost::asio;
    struct State {
        State(const asio::any_io_executor& e, std::size_t count) : results(count), left(count), changed(e) {}
        Gathered<T> results;
        std::size_t left;
        bool is_over = false; // results that arrive now are ignored
        std::exception_ptr failure;
        Timer changed; // cancelled when a result arrives
    };
    const auto state = std::make_shared<State>(executor, works.size());
    for (std::size_t i = 0; i < works.size(); ++i)
        asio::co_spawn(executor, std::move(works[i]), [state, i](std::exception_ptr failure, T result) {
            if (state->is_over) return;
            if (failure) state->failure = failure;
            else state->results[i] = std::move(result);
            --state->left;
            state->changed.cancel();
        });
    std::optional<Clock::TimePoint> end;
    while (state->left > 0 && (!end || state->changed.now() < *end)) {
        if (!end && is_enough(state->results)) end = state->changed.now() + grace;
        state->changed.expires_at(end.value_or(Clock::TimePoint::max()));
        co_await state->changed.wait();
    }
    state->is_over = true;
    if (state->failure) std::rethrow_exception(state->failure);
    co_return std::move(state->results);
}

} // namespace weir::lock
