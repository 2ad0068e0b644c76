// Does several things at once, and waits for all of them.
//
// Thread: the control thread.
// Lifetime: what the works use must outlive them.
#pragma once

#include "lock/lock.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <memory>
#include <vector>

namespace weir::lock {

// The results, in the order of the works. An exception of one is thrown on when all have ended.
template <class T>
Awaitable<std::vector<T>> gather(boost::asio::any_io_executor executor, std::vector<Awaitable<T>> works) {
    namespace asio = boost::asio;
    struct State {
        State(const asio::any_io_executor& e, std::size_t count)
            : results(count), left(count), done(e, asio::steady_timer::time_point::max()) {}
        std::vector<T> results;
        std::size_t left;
        std::exception_ptr failure;
        asio::steady_timer done; // cancelled by the last
    };
    const auto state = std::make_shared<State>(executor, works.size());
    for (std::size_t i = 0; i < works.size(); ++i)
        asio::co_spawn(executor, std::move(works[i]), [state, i](std::exception_ptr failure, T result) {
            if (failure) state->failure = failure;
            else state->results[i] = std::move(result);
            if (--state->left == 0) state->done.cancel();
        });
    while (state->left > 0) co_await state->done.async_wait(asio::as_tuple(asio::use_awaitable));
    if (state->failure) std::rethrow_exception(state->failure);
    co_return std::move(state->results);
}

} // namespace weir::lock
