// A worker's event loop: epoll, timers, and a mailbox for work from other threads.
//
// Thread: `post` and `stop` from any thread; everything else on the thread that runs it.
// Lifetime: must outlive the handlers and timers that are registered with it.
#pragma once

#include "base/unique_fd.h"
#include "proxy/io/timer_wheel.h"

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include <sys/epoll.h>

namespace weir::proxy {

class Waiter;

// The owner of a descriptor in the loop.
class EventHandler {
public:
    virtual void on_event(std::uint32_t epoll_events) = 0;

protected:
    ~EventHandler() = default;
};

enum class Trigger { edge, level };

class EventLoop {
public:
    EventLoop();
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    // Runs until `stop` is called. Runs all work that was posted before that.
    void run();
    void stop();
    void post(std::function<void()> work);

    // Watches `fd` for reading and writing if edge-triggered, and only for reading if level-triggered. On failure,
    // returns false and sets errno.
    bool add(int fd, EventHandler& handler, Trigger trigger);
    // Stops watching `fd`. The handler receives no further events for it, not even events that were already fetched.
    void remove(int fd, EventHandler& handler);

    // Returns true if an event for the handler has been fetched but not handled yet.
    bool has_pending_event(const EventHandler& handler) const;

    // Wakes `fiber` once, after the events already fetched have been handled. Called only by Waiter.
    void wake_later(Waiter& fiber);
    void forget(Waiter& fiber);

    TimerWheel& timers() { return timers_; }
    TimePoint now() const { return now_; } // when the current events were fetched

private:
    class Mailbox final : public EventHandler {
    public:
        explicit Mailbox(EventLoop& loop) : loop_(loop) {}
        void on_event(std::uint32_t) override { loop_.run_posted(); }

    private:
        EventLoop& loop_;
    };

    void dispatch();
    void wake_yielded();
    void run_posted();
    void signal();

    static constexpr int batch = 256;

    UniqueFd epoll_, wakeup_;
    bool stopping_ = false;
    TimePoint now_;
    TimerWheel timers_;
    epoll_event events_[batch];
    int at_ = 0, fetched_ = 0;
    std::vector<Waiter*> yielded_, round_; // waiting for the next round; woken in this round
    Mailbox mailbox_{*this};
    std::mutex mutex_; // guards posted_
    std::vector<std::function<void()>> posted_;
};

} // namespace weir::proxy
