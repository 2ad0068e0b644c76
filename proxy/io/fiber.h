// Where a coroutine waits, and what wakes it. A connection has one Fiber; its sockets and its timer all wake it, and
// it looks for itself what has become possible. A wake with nothing to do is harmless.
//
// Thread: one event loop's thread.
// Lifetime: must outlive the sockets and timers that wake it, and the coroutine that waits.
#pragma once

#include <coroutine>
#include <utility>

namespace weir::proxy {

class EventLoop;

// What a socket or a timer tells that something happened.
class Waker {
public:
    virtual void wake() = 0;

protected:
    ~Waker() = default;
};

class Fiber final : public Waker {
public:
    Fiber() = default;
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    auto wait() noexcept {
        struct Awaiter {
            Fiber& fiber;
            bool await_ready() const noexcept { return false; }
            void await_suspend(std::coroutine_handle<> waiting) const noexcept { fiber.waiting_ = waiting; }
            void await_resume() const noexcept {}
        };
        return Awaiter{*this};
    }

    ~Fiber();

    // Before a wait: be woken in the loop's next round, after the others have had their turn.
    void yield(EventLoop& loop);

    // Runs the coroutine until it waits again or ends; the Fiber may be gone afterwards.
    void wake() override {
        if (const auto waiting = std::exchange(waiting_, nullptr)) waiting.resume();
    }

private:
    friend class EventLoop;

    std::coroutine_handle<> waiting_;
    EventLoop* queued_ = nullptr; // whose list of those who have yielded it is in
};

} // namespace weir::proxy
