// Where a coroutine waits, and what wakes it. A connection has one Fiber; its sockets and its timer all wake it, and
// it looks for itself what has become possible. A wake with nothing to do is harmless.
//
// Thread: one event loop's thread.
// Lifetime: must outlive the sockets and timers that wake it, and the coroutine that waits.
#pragma once

#include <coroutine>
#include <utility>

namespace weir::proxy {

// What a socket or a timer tells that something happened.
class Waker {
public:
    virtual void wake() = 0;

protected:
    ~Waker() = default;
};

class Fiber final : public Waker {
public:
    auto wait() noexcept {
        struct Awaiter {
            Fiber& fiber;
            bool await_ready() const noexcept { return false; }
            void await_suspend(std::coroutine_handle<> waiting) const noexcept { fiber.waiting_ = waiting; }
            void await_resume() const noexcept {}
        };
        return Awaiter{*this};
    }

    // Runs the coroutine until it waits again or ends; the Fiber may be gone afterwards.
    void wake() override {
        if (const auto waiting = std::exchange(waiting_, nullptr)) waiting.resume();
    }

private:
    std::coroutine_handle<> waiting_;
};

} // namespace weir::proxy
