// A mutex for the coroutines of one thread. They get it in the order in which they asked for it.
//
//   const auto pass = co_await mutex.enter();   // until `pass` is destroyed
//
// Thread: one thread.
// Lifetime: passes may outlive the mutex.
#pragma once

#include "base/event.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <list>
#include <memory>
#include <utility>

namespace weir {

class AsyncMutex {
    struct QueueEntry {
        explicit QueueEntry(const boost::asio::any_io_executor& executor) : received(executor) {}
        Event received; // notified when the entry gets the mutex
        bool has_mutex = false;
    };
    struct State {
        bool is_locked = false;
        std::list<QueueEntry*> queue; // in the order of arrival

        // The mutex goes directly to the first entry, so a coroutine that arrives now queues behind it.
        void pass_on() {
            is_locked = !queue.empty();
            if (!is_locked) return;
            auto& next = *queue.front();
            queue.pop_front();
            next.has_mutex = true;
            next.received.notify_all();
        }
    };

public:
    // Holds the mutex until it is destroyed.
    class Pass {
    public:
        explicit Pass(std::shared_ptr<State> state) : state_(std::move(state)) {}
        Pass(Pass&& other) noexcept = default;
        Pass& operator=(Pass&&) = delete;
        ~Pass() {
            if (state_) state_->pass_on();
        }

    private:
        std::shared_ptr<State> state_;
    };

    explicit AsyncMutex(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

    // Waits for the mutex.
    boost::asio::awaitable<Pass> enter() { return enter(executor_, state_); }

private:
    // Leaves the queue if the waiting coroutine is destroyed, and passes on a mutex that it has just received.
    class Queued {
    public:
        Queued(std::shared_ptr<State> state, QueueEntry& entry) : state_(std::move(state)), entry_(entry) {
            state_->queue.push_back(&entry_);
        }
        ~Queued() {
            if (!state_) return;
            if (entry_.has_mutex) state_->pass_on();
            else state_->queue.remove(&entry_);
        }
        Queued(const Queued&) = delete;
        Queued& operator=(const Queued&) = delete;
        std::shared_ptr<State> take_mutex() { return std::exchange(state_, nullptr); }

    private:
        std::shared_ptr<State> state_;
        QueueEntry& entry_;
    };

    static boost::asio::awaitable<Pass> enter(boost::asio::any_io_executor executor, std::shared_ptr<State> state) {
        if (!std::exchange(state->is_locked, true)) co_return Pass(std::move(state));
        QueueEntry entry(executor);
        Queued queued(std::move(state), entry);
        while (!entry.has_mutex) co_await entry.received.wait();
        co_return Pass(queued.take_mutex());
    }

    boost::asio::any_io_executor executor_;
    std::shared_ptr<State> state_ = std::make_shared<State>();
};

} // namespace weir
