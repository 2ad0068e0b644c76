// Coroutines of the data path. A Task runs when it is awaited and resumes its caller when it ends; `spawn` starts an
// independent one. There is no executor, no cancellation and no exception. A coroutine waits only in Waiter::wait, on
// the thread of its event loop. To end it, close what it works on and wake it (docs/adr/0002).
//
// Thread: one event loop's thread.
// Lifetime: a Task owns its frame; a spawned coroutine frees itself at its end.
#pragma once

#include "proxy/io/frame_pool.h"

#include <coroutine>
#include <exception>
#include <utility>

namespace weir::proxy {

namespace detail {

struct PromiseBase {
    std::coroutine_handle<> caller = std::noop_coroutine();

    struct Final {
        bool await_ready() const noexcept { return false; }
        template <class P> std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) const noexcept {
            return self.promise().caller;
        }
        void await_resume() const noexcept {}
    };

    std::suspend_always initial_suspend() const noexcept { return {}; }
    Final final_suspend() const noexcept { return {}; }
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }

    static void* operator new(std::size_t bytes) { return take_frame(bytes); }
    static void operator delete(void* block, std::size_t bytes) noexcept { give_frame(block, bytes); }
};

template <class T> struct Promise : PromiseBase {
    T value{};
    void return_value(T result) noexcept { value = std::move(result); }
};

template <> struct Promise<void> : PromiseBase {
    void return_void() const noexcept {}
};

} // namespace detail

template <class T = void> class [[nodiscard]] Task {
public:
    struct promise_type : detail::Promise<T> {
        Task get_return_object() noexcept { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    };

    Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
    ~Task() {
        if (frame_) frame_.destroy();
    }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept {
        frame_.promise().caller = caller;
        return frame_;
    }
    T await_resume() noexcept {
        if constexpr (!std::is_void_v<T>) return std::move(frame_.promise().value);
    }

private:
    explicit Task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

    std::coroutine_handle<promise_type> frame_;
};

namespace detail {

struct Spawned {
    struct promise_type {
        Spawned get_return_object() const noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
        static void* operator new(std::size_t bytes) { return take_frame(bytes); }
        static void operator delete(void* block, std::size_t bytes) noexcept { give_frame(block, bytes); }
    };
};

template <class Owner> Spawned run_owned(Owner owner) { co_await owner->run(); }

} // namespace detail

// Runs `owner->run()` until it ends, then frees the owner.
template <class Owner> void spawn(Owner owner) { detail::run_owned(std::move(owner)); }

} // namespace weir::proxy
