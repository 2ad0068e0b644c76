// Runs the calls of coroutines on one thread one at a time, in the order in which they were made.
//
//   const auto turn = co_await queue.enter();   // until `turn` is destroyed
//
// Thread: one thread.
// Lifetime: a turn may outlive the queue.
#pragma once

#include "lock/lease/lock.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <list>
#include <memory>
#include <utility>

namespace weir::lock {

class CallQueue {
    struct QueueEntry {
        explicit QueueEntry(const boost::asio::any_io_executor& executor)
            : called(executor, boost::asio::steady_timer::time_point::max()) {}
        boost::asio::steady_timer called; // cancelled when this waiter gets its turn
        bool has_turn = false;
    };
    struct State {
        bool taken = false;
        std::list<QueueEntry*> waiters; // in the order of arrival

        // The turn passes directly to the next waiter, so a caller that arrives now queues behind it.
        void pass_on() {
            taken = !waiters.empty();
            if (!taken) return;
            auto& next = *waiters.front();
            waiters.pop_front();
            next.has_turn = true;
            next.called.cancel();
        }
    };

public:
    class Turn {
    public:
        explicit Turn(std::shared_ptr<State> state) : state_(std::move(state)) {}
        Turn(Turn&& other) noexcept = default;
        Turn& operator=(Turn&&) = delete;
        ~Turn() {
            if (state_) state_->pass_on();
        }

    private:
        std::shared_ptr<State> state_;
    };

    explicit CallQueue(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

    Awaitable<Turn> enter() { return enter(executor_, state_); }

private:
    // Leaves the queue if the waiting coroutine is destroyed, and passes on a turn that it has just received.
    class Place {
    public:
        Place(std::shared_ptr<State> state, QueueEntry& waiter) : state_(std::move(state)), waiter_(waiter) {
            state_->waiters.push_back(&waiter_);
        }
        ~Place() {
            if (!state_) return;
            if (waiter_.has_turn) state_->pass_on();
            else state_->waiters.remove(&waiter_);
        }
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        std::shared_ptr<State> take_turn() { return std::exchange(state_, nullptr); }

    private:
        std::shared_ptr<State> state_;
        QueueEntry& waiter_;
    };

    static Awaitable<Turn> enter(boost::asio::any_io_executor executor, std::shared_ptr<State> state) {
        if (!std::exchange(state->taken, true)) co_return Turn(std::move(state));
        QueueEntry waiter(executor);
        Place place(std::move(state), waiter);
        while (!waiter.has_turn) co_await waiter.called.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        co_return Turn(place.take_turn());
    }

    boost::asio::any_io_executor executor_;
    std::shared_ptr<State> state_ = std::make_shared<State>();
};

} // namespace weir::lock
