// Timers for many connections, each as cheap as a store: setting a later deadline touches no list. Expiry is coarse.
//
// A timer expires at most one tick (16 ms) late and never early. The wheel takes the time as an argument.
//
// Thread: one event loop's thread.
// Lifetime: a WheelTimer removes itself from the wheel in its destructor; the wheel must outlive its timers.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace weir::proxy {

// The clock of the data path. An event loop reads it once in each round (event_loop.h).
using LoopClock = std::chrono::steady_clock;
using TimePoint = LoopClock::time_point;

class Waker;
class TimerWheel;

class WheelTimer {
public:
    WheelTimer(TimerWheel& wheel, Waker& waker) : wheel_(wheel), waker_(&waker) {}
    ~WheelTimer() { cancel(); }
    WheelTimer(const WheelTimer&) = delete;
    WheelTimer& operator=(const WheelTimer&) = delete;

    // Wakes the waker once `deadline` has passed. Replaces any earlier deadline.
    void set(TimePoint deadline);
    void cancel();
    bool expired() const { return expired_; } // since the last set or cancel

private:
    friend class TimerWheel;

    TimerWheel& wheel_;
    Waker* waker_;
    WheelTimer *previous_ = nullptr, *next_ = nullptr; // linked into a slot while set
    std::uint64_t tick_ = 0;                           // the tick of its slot
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

    // Returns for how long no timer can become due: at most one turn of the wheel (about 8 s).
    std::chrono::milliseconds until_next(TimePoint now) const;

private:
    friend class WheelTimer;
    static constexpr std::uint64_t slots = 512;

    std::uint64_t tick_of(TimePoint time) const;
    void link(WheelTimer& timer, std::uint64_t tick);
    void unlink(WheelTimer& timer);
    void collect(std::uint64_t tick);
    void wake_due();

    TimePoint start_;
    std::uint64_t now_ = 0;
    std::array<WheelTimer*, slots> slots_{};
    std::array<std::uint64_t, slots / 64> filled_{}; // a bit for each slot that holds a timer
    WheelTimer* due_ = nullptr;                      // chained by next_: waking one may cancel another
};

} // namespace weir::proxy
