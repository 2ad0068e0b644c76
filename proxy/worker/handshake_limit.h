// Limits how many steps of TLS handshakes a worker computes in one round of its event loop. A step with an RSA key
// takes a millisecond, which every other connection of the worker waits for.
//
// Thread: one worker's thread.
// Lifetime: a value.
#pragma once

#include "proxy/io/timer_wheel.h"

namespace weir::proxy {

class HandshakeLimit {
public:
    static constexpr int steps_in_a_round = 2;

    // Returns true if another step may be computed in the round of events that was fetched at `round`.
    bool try_begin(TimePoint round) {
        if (round != round_) round_ = round, steps_ = 0;
        return steps_++ < steps_in_a_round;
    }

private:
    TimePoint round_{};
    int steps_ = 0;
};

} // namespace weir::proxy
