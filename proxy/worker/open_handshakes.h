// Limits the number of TLS handshakes that a worker has open, so that clients that begin handshakes and leave them do
// not take its memory.
//
// At the limit, a new handshake displaces the oldest one that waits for its client: a client that responds is served
// however many others stall or send a byte now and then. A handshake that waits for its turn to compute
// (handshake_limit.h) is not displaced.
//
// Thread: one worker's thread.
// Lifetime: must outlive its handshakes.
#pragma once

#include "proxy/io/waiter.h"

#include <cstddef>
#include <cstdint>

namespace weir::proxy {

class OpenHandshakes {
public:
    class Handshake {
    public:
        // `fiber` is woken if the handshake is displaced.
        Handshake(OpenHandshakes& all, Waiter& fiber) : all_(all), fiber_(fiber), number_(++all_.begun_) {
            ++all_.open_;
        }
        ~Handshake() {
            if (displaced_) return;
            end_wait();
            --all_.open_;
        }
        Handshake(const Handshake&) = delete;
        Handshake& operator=(const Handshake&) = delete;

        // Called before and after each wait for the client.
        void begin_wait() {
            waits_ = true;
            for (previous_ = all_.last_; previous_ && previous_->number_ > number_;) previous_ = previous_->previous_;
            next_ = previous_ ? previous_->next_ : all_.first_;
            (previous_ ? previous_->next_ : all_.first_) = this;
            (next_ ? next_->previous_ : all_.last_) = this;
        }
        void end_wait() {
            if (!waits_) return;
            waits_ = false;
            (previous_ ? previous_->next_ : all_.first_) = next_;
            (next_ ? next_->previous_ : all_.last_) = previous_;
            previous_ = next_ = nullptr;
        }
        // Returns true if another handshake has taken its place: it must end.
        bool is_displaced() const { return displaced_; }

    private:
        friend class OpenHandshakes;
        OpenHandshakes& all_;
        Waiter& fiber_;
        const std::uint64_t number_;
        Handshake *previous_ = nullptr, *next_ = nullptr; // while it waits
        bool waits_ = false, displaced_ = false;
    };

    std::size_t size() const { return open_; }
    // Makes room for one more handshake if `most` are open. Returns false if none of them waits for its client.
    bool make_room(std::size_t most, EventLoop& loop) {
        if (open_ < most) return true;
        auto* oldest = first_;
        if (!oldest) return false;
        oldest->end_wait();
        oldest->displaced_ = true;
        --open_;
        oldest->fiber_.yield(loop);
        return true;
    }

private:
    Handshake *first_ = nullptr, *last_ = nullptr; // that wait, the oldest first
    std::size_t open_ = 0;
    std::uint64_t begun_ = 0;
};

} // namespace weir::proxy
