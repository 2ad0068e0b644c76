// Limits the number of TLS handshakes that a worker has open, so that clients that begin handshakes and leave them do
// not take its memory. A handshake begins with the first bytes of the client.
//
// At the limit, a new handshake displaces the oldest one that waits for its client: clients that stall, or that trickle
// bytes, cannot keep out clients that respond. Handshakes that wait for their turn to compute (handshake_limit.h) are
// not displaced. If the oldest ones all wait for that, the new one is admitted: no client is at fault.
//
// Thread: one worker's thread.
// Lifetime: must outlive its handshakes.
#pragma once

#include "proxy/io/waiter.h"

#include <cstddef>

namespace weir::proxy {

class OpenHandshakes {
public:
    class Handshake {
    public:
        // `fiber` is woken if the handshake is displaced.
        Handshake(OpenHandshakes& all, Waiter& fiber) : all_(all), fiber_(fiber), previous_(all.last_) {
            (previous_ ? previous_->next_ : all_.first_) = this;
            all_.last_ = this;
            ++all_.open_;
        }
        ~Handshake() { leave(); }
        Handshake(const Handshake&) = delete;
        Handshake& operator=(const Handshake&) = delete;

        // Called before and after each wait for the client.
        void begin_wait() { waits_ = true; }
        void end_wait() { waits_ = false; }
        // Returns true if another handshake has taken its place: the handshake must be aborted.
        bool is_displaced() const { return displaced_; }

    private:
        friend class OpenHandshakes;

        void leave() {
            if (displaced_) return;
            (previous_ ? previous_->next_ : all_.first_) = next_;
            (next_ ? next_->previous_ : all_.last_) = previous_;
            --all_.open_;
        }

        OpenHandshakes& all_;
        Waiter& fiber_;
        Handshake *previous_, *next_ = nullptr;
        bool waits_ = false, displaced_ = false;
    };

    // Makes room for one more handshake below `max`, among the oldest ones. Displaces at most two, so that fewer are
    // open after the limit has been lowered.
    void make_room(std::size_t max, EventLoop& loop) {
        int displaced = 0;
        auto* handshake = first_;
        for (int i = 0; i < examined && handshake && open_ >= max && displaced < 2; ++i) {
            auto* const next = handshake->next_;
            if (handshake->waits_) {
                handshake->leave();
                handshake->displaced_ = true;
                handshake->fiber_.yield(loop);
                ++displaced;
            }
            handshake = next;
        }
    }

private:
    static constexpr int examined = 16; // handshakes, which bounds the cost of a newcomer

    Handshake *first_ = nullptr, *last_ = nullptr; // the oldest first
    std::size_t open_ = 0;
};

} // namespace weir::proxy
