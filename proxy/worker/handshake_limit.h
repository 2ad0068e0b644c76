// Limits the number of steps of TLS handshakes that a worker computes in one round of its event loop. A step with an
// RSA key takes a millisecond, during which every other connection of the worker waits. Handshakes that have to wait
// continue before handshakes that arrive later.
//
// Thread: one worker's thread.
// Lifetime: a limit must outlive its turns.
#pragma once

#include "proxy/io/timer_wheel.h"

#include <cstddef>
#include <utility>

namespace weir::proxy {

class HandshakeLimit {
public:
    static constexpr int steps_in_a_round = 2;

    // One handshake's place in the queue.
    class Turn {
    public:
        explicit Turn(HandshakeLimit& limit) : limit_(limit) {}
        ~Turn() { leave(); }
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;

        // Returns true if a step may be computed in the round of the event loop that began at `round`. Otherwise, the
        // caller must yield and try again in the next round.
        bool try_begin(TimePoint round) {
            limit_.begin_round(round);
            const bool others_first = !waits_ && limit_.waiting_ > 0;
            if (others_first || limit_.steps_ == steps_in_a_round) {
                if (!std::exchange(waits_, true)) ++limit_.waiting_;
                return false;
            }
            leave();
            ++limit_.steps_;
            return true;
        }

    private:
        void leave() {
            if (std::exchange(waits_, false)) --limit_.waiting_;
        }

        HandshakeLimit& limit_;
        bool waits_ = false;
    };

private:
    void begin_round(TimePoint round) {
        if (round != round_) round_ = round, steps_ = 0;
    }

    TimePoint round_{};
    int steps_ = 0;
    std::size_t waiting_ = 0;
};

} // namespace weir::proxy
