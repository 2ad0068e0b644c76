// Schedules heartbeats and evaluates the answers to them.
//
//   OK                                              a sign of life
//   no OK for interval × fall                       the backend is down
//   refused, reset, closed, or another answer       a missed heartbeat at once; `fall` of them in a row: down
//   no connection within the timeout                no evidence: the responder may be pausing while its queue is full
//
// One heartbeat is outstanding at a time, until it is answered. A responder that handles one connection at a time, and
// pauses between them, would find every abandoned heartbeat in its queue and lose a pause to it. The next heartbeat is
// sent an interval after the answer, plus or minus 5 %, so that several weir processes that check the same responder
// take turns.
//
// Thread: a value; time and randomness are arguments.
// Lifetime: none.
#pragma once

#include "health/rules/silence.h"

#include <chrono>
#include <cstdint>

namespace weir::health {

class Heartbeat {
public:
    using Duration = std::chrono::milliseconds;
    using TimePoint = std::chrono::steady_clock::time_point;

    // `phase`, from 0 to 1, is the backend's position in the interval: backends with evenly distributed phases are
    // queried at evenly distributed times.
    Heartbeat(Duration interval, std::uint32_t fall, TimePoint now, double phase);

    // Returns when the next heartbeat is due. Meaningful only while none is outstanding.
    TimePoint next() const { return next_; }
    // Returns how long a heartbeat may stay unanswered. This is longer than the window: the connection is treated as
    // lost, and replaced, only when the backend has been down for a long time.
    Duration max_wait() const;

    // Records that a heartbeat is sent at `now`.
    void ask(TimePoint now) { asked_ = now; }
    TimePoint asked() const { return asked_; }
    // These functions record how a heartbeat ended. `jitter` is a random number from 0 to 1.
    Silence::Sign take_ok(TimePoint now, double jitter);
    void take_miss(TimePoint now, double jitter);
    void take_nothing(TimePoint now, double jitter); // no connection within the timeout, or no answer within max_wait()
    void take_shortage(TimePoint now, double jitter); // this machine lacked the resources to send it

    Silence& silence() { return silence_; }
    const Silence& silence() const { return silence_; }

private:
    Duration pause(double jitter);
    void ask_again(TimePoint now, double jitter);

    Duration interval_;
    double phase_;
    Silence silence_;
    TimePoint next_, asked_;
    std::uint32_t pauses_ = 0; // pauses so far; counts up to `spread_steps`
};

} // namespace weir::health
