// Limits the number of heavy steps of TLS handshakes that a worker computes in one round of its event loop. A step with
// an RSA key takes a millisecond, during which every other connection of the worker waits.
//
//   idle ─→ queued ─→ called ─→ idle
//
// A handshake computes its step at once if the queue is empty and this round has a step left; it stays idle. Otherwise
// it joins the queue. As many handshakes as a round has steps are called from its front: only these are woken, in the
// next round, and all others sleep. A new handshake does not overtake the queue.
//
// Thread: one worker's thread.
// Lifetime: a limit must outlive its turns.
#pragma once

#include "proxy/io/timer_wheel.h"
#include "proxy/io/waiter.h"

#include <cstddef>

namespace weir::proxy {

class HandshakeLimit {
public:
    static constexpr int steps_in_a_round = 2;

    // One handshake's place in the queue.
    class Turn {
    public:
        // `fiber` is woken when it is this handshake's turn.
        Turn(HandshakeLimit& limit, Waiter& fiber, EventLoop& loop) : limit_(limit), fiber_(fiber), loop_(loop) {}
        ~Turn() { limit_.leave(*this); }
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;

        // Returns true if a step may be computed in the round of the event loop that began at `round`. Otherwise, the
        // caller must wait: its fiber is woken when it should try again.
        bool try_begin(TimePoint round) { return limit_.try_begin(*this, round); }

    private:
        friend class HandshakeLimit;
        enum class State { idle, queued, called };

        HandshakeLimit& limit_;
        Waiter& fiber_;
        EventLoop& loop_;
        Turn *previous_ = nullptr, *next_ = nullptr;
        State state_ = State::idle;
    };

private:
    using State = Turn::State;

    bool try_begin(Turn& turn, TimePoint round) {
        if (round != round_) round_ = round, steps_ = 0;
        const bool is_next = turn.state_ == State::called || (turn.state_ == State::idle && !first_);
        if (is_next && steps_ < steps_in_a_round) {
            ++steps_;
            leave(turn);
            return true;
        }
        if (turn.state_ == State::idle) join(turn);
        else if (turn.state_ == State::called) turn.fiber_.yield(turn.loop_);
        return false;
    }

    void join(Turn& turn) {
        turn.state_ = State::queued;
        turn.previous_ = last_;
        (last_ ? last_->next_ : first_) = &turn;
        last_ = &turn;
        call();
    }

    void leave(Turn& turn) {
        if (turn.state_ == State::idle) return;
        if (turn.state_ == State::called) --called_;
        (turn.previous_ ? turn.previous_->next_ : first_) = turn.next_;
        (turn.next_ ? turn.next_->previous_ : last_) = turn.previous_;
        turn.previous_ = turn.next_ = nullptr;
        turn.state_ = State::idle;
        call();
    }

    // Calls from the front of the queue, as long as fewer are called than a round has steps.
    void call() {
        for (auto* turn = first_; turn && called_ < steps_in_a_round; turn = turn->next_) {
            if (turn->state_ == State::called) continue;
            turn->state_ = State::called;
            ++called_;
            turn->fiber_.yield(turn->loop_);
        }
    }

    TimePoint round_{};
    int steps_ = 0, called_ = 0;
    Turn *first_ = nullptr, *last_ = nullptr; // in the order of their arrival; the called ones are at the front
};

} // namespace weir::proxy
