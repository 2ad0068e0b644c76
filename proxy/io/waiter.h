// A coroutine waits in a Waiter. A connection has one; its sockets and its timer all wake it, and the coroutine then
// checks what it can do. A wake with nothing to do is harmless.
//
// Thread: one event loop's thread.
// Lifetime: must outlive the sockets and timers that wake it, and the coroutine that waits.
#pragma once

#include <coroutine>
#include <utility>

namespace weir::proxy {

class EventLoop;

// Receives the events of a socket or a timer.
class Waker {
public:
    virtual void wake() = 0;

protected:
    ~Waker() = default;
};

class Waiter final : public Waker {
public:
    Waiter() = default;
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    // Suspends the coroutine until the next wake.
    auto wait() noexcept {
        struct Awaiter {
            Waiter& fiber;
            bool await_ready() const noexcept { return false; }
            void await_suspend(std::coroutine_handle<> waiting) const noexcept { fiber.waiting_ = waiting; }
            void await_resume() const noexcept {}
        };
        return Awaiter{*this};
    }

    ~Waiter();

    // Schedules one wake for after the other coroutines that are ready have had their turn. May be called before a wait
    // or during it.
    void yield(EventLoop& loop);
    bool is_yielding() const { return queued_ != nullptr; } // the scheduled wake is still to come

    // Runs the coroutine until it waits again or ends, which may free the Waiter.
    void wake() override {
        if (const auto waiting = std::exchange(waiting_, nullptr)) waiting.resume();
    }

private:
    friend class EventLoop;

    std::coroutine_handle<> waiting_;
    EventLoop* queued_ = nullptr; // the loop whose list of yielded waiters holds it
};

} // namespace weir::proxy
