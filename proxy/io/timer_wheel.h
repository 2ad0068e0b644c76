// Timers for many connections, each as cheap as a store: setting a later deadline touches no list. Expiry is coarse.
//
// A timer expires at most one tick (16 ms) late and never early. The wheel takes the time as an argument.
//
// Thread: one event loop's thread.
// Lifetime: a Timer removes itself from the wheel in its destructor; the wheel must outlive its timers.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace weir::proxy {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

class Waker;
class TimerWheel;

class Timer {
public:
    Timer(TimerWheel& wheel, Waker& waker) : wheel_(wheel), waker_(&waker) {}
    ~Timer() { cancel(); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    // Wakes the waker once `deadline` has passed. Replaces any earlier deadline.
    void set(TimePoint deadline);
    void cancel();
    bool expired() const { return expired_; } // since the last set or cancel

private:
    friend class TimerWheel;

    TimerWheel& wheel_;
    Waker* waker_;
    Timer *previous_ = nullptr, *next_ = nullptr; // linked into a slot while set
    std::uint64_t tick_ = 0;                      // of its slot
    std::uint64_t deadline_ = 0;
    bool expired_ = false;
};

class TimerWheel {
public:
    explicit TimerWheel(TimePoint start);
    TimerWheel(const TimerWheel&) = delete;
    TimerWheel& operator=(const TimerWheel&) = delete;

    // Wakes every timer that is due at `now`.
    void advance(TimePoint now);

    // Returns how long no timer will be due; at most one turn of the wheel (about 8 s).
    std::chrono::milliseconds until_next(TimePoint now) const;

private:
    friend class Timer;
    static constexpr std::uint64_t slots = 512;

    std::uint64_t tick_of(TimePoint time) const;
    void link(Timer& timer, std::uint64_t tick);
    void unlink(Timer& timer);
    void collect(std::uint64_t tick);
    void wake_due();

    TimePoint start_;
    std::uint64_t now_ = 0;
    std::array<Timer*, slots> slots_{};
    std::array<std::uint64_t, slots / 64> filled_{}; // a bit for each slot that holds a timer
    Timer* due_ = nullptr;                           // chained by next_: waking one may cancel another
};

} // namespace weir::proxy
