// Lets coroutines of one thread pass one at a time.
//
//   const auto pass = co_await turnstile.enter();
//
// Thread: one thread.
// Lifetime: must outlive the passes.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace weir::proxy {

class Turnstile {
public:
    // Held while something is under way; whoever waits goes on when it ends.
    class Pass {
    public:
        explicit Pass(Turnstile& turnstile) : turnstile_(&turnstile) {}
        Pass(Pass&& other) noexcept : turnstile_(std::exchange(other.turnstile_, nullptr)) {}
        Pass& operator=(Pass&&) = delete;
        ~Pass() {
            if (!turnstile_) return;
            turnstile_->taken_ = false;
            turnstile_->left_.cancel();
        }

    private:
        Turnstile* turnstile_;
    };

    explicit Turnstile(boost::asio::io_context& context)
        : left_(context, boost::asio::steady_timer::time_point::max()) {}

    boost::asio::awaitable<Pass> enter() {
        while (taken_) co_await left_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        taken_ = true;
        co_return Pass(*this);
    }

private:
    boost::asio::steady_timer left_;
    bool taken_ = false;
};

} // namespace weir::proxy
