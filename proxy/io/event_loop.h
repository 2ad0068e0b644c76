// A worker's event loop: epoll, deadlines, and a mailbox for what other threads hand in.
//
// Thread: `post` and `stop` from any thread; everything else on the thread that runs it.
// Lifetime: must outlive every handler and timer that it knows.
#pragma once

#include "proxy/io/timer_wheel.h"

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include <sys/epoll.h>

namespace weir::proxy {

class Fiber;

// What has a descriptor in the loop.
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

    // Runs until `stop`; what was posted before that is run.
    void run();
    void stop();
    void post(std::function<void()> work);

    // Both directions are watched for edge, only reading for level.
    bool add(int fd, EventHandler& handler, Trigger trigger);
    // No event of this descriptor will reach its handler any more, not even one already fetched.
    void remove(int fd, EventHandler& handler);

    // Whether an event of it has been fetched but not been handled yet.
    bool has_news(const EventHandler& handler) const;

    // For Fiber alone: wakes it once in the next round.
    void wake_later(Fiber& fiber);
    void forget(Fiber& fiber);

    TimerWheel& timers() { return timers_; }
    TimePoint now() const { return now_; } // when the events at hand were fetched

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

    int epoll_ = -1, wakeup_ = -1;
    bool stopping_ = false;
    TimePoint now_;
    TimerWheel timers_;
    epoll_event events_[batch];
    int at_ = 0, fetched_ = 0;
    std::vector<Fiber*> yielded_, turn_; // waiting for the next round; whose turn it is in this one
    Mailbox mailbox_{*this};
    std::mutex mutex_; // guards posted_
    std::vector<std::function<void()>> posted_;
};

} // namespace weir::proxy
