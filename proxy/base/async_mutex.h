// A mutex for the coroutines of one thread.
//
//   const auto pass = co_await mutex.enter();
//
// Thread: one thread.
// Lifetime: passes may outlive it.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <utility>

namespace weir::proxy {

class AsyncMutex {
    struct State {
        explicit State(boost::asio::io_context& context)
            : left(context, boost::asio::steady_timer::time_point::max()) {}
        boost::asio::steady_timer left;
        bool taken = false;
    };

public:
    // Holds the mutex. Its destructor wakes the coroutines that wait.
    class Pass {
    public:
        explicit Pass(std::shared_ptr<State> state) : state_(std::move(state)) {}
        Pass(Pass&& other) noexcept = default;
        Pass& operator=(Pass&&) = delete;
        ~Pass() {
            if (!state_) return;
            state_->taken = false;
            state_->left.cancel();
        }

    private:
        std::shared_ptr<State> state_;
    };

    explicit AsyncMutex(boost::asio::io_context& context) : state_(std::make_shared<State>(context)) {}

    boost::asio::awaitable<Pass> enter() { return enter(state_); }

private:
    static boost::asio::awaitable<Pass> enter(std::shared_ptr<State> state) {
        while (state->taken) co_await state->left.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        state->taken = true;
        co_return Pass(std::move(state));
    }

    std::shared_ptr<State> state_;
};

} // namespace weir::proxy
