// Decides which of the bodies that a worker compresses gets the next turn. A turn takes a millisecond or two, during
// which every other connection of the worker waits.
//
//   idle ─ a turn, and more to compress ─→ queued ─ at the front ─→ a turn in each round ─ after four ─→ at the back
//
// A body whose bytes have just arrived gets a turn at once. The turn is short if others are queued, or if bodies have
// had a long one in the same round of the event loop: it suffices for short bodies, and for the pieces of slow ones,
// which thus wait for nobody. A body that is known to be longer, or that has more to compress, is queued. Only the
// front of the queue is woken, once in a round. It keeps its place for some turns: an encoder has 256 KiB of state,
// which the processor would have to fetch again for each turn if all bodies had theirs in between.
//
// Thread: one worker's thread.
// Lifetime: must outlive its turns.
#pragma once

#include "proxy/io/event_loop.h"
#include "proxy/io/waiter.h"

#include <cstdint>

namespace weir::proxy {

enum class TurnStart {
    now,
    in_next_round, // the caller must yield
    when_woken,    // the fiber is woken when it should try again
};

enum class TurnEnd { nothing_left, more_left };

class CompressionTurns {
public:
    static constexpr std::uint64_t long_turn = 64 * 1024, short_turn = 16 * 1024; // bytes
    static constexpr int turns_in_a_row = 4;

    // The turns of one body.
    class Turn {
    public:
        // `fiber` is woken when it is this body's turn.
        Turn(CompressionTurns& all, Waiter& fiber, EventLoop& loop) : all_(all), fiber_(fiber), loop_(loop) {}
        ~Turn() { all_.leave(*this); }
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;

        // Tries to begin a turn in the round of the event loop that began at `round`. `known` is how many bytes are
        // known to come soon.
        TurnStart try_begin(TimePoint round, std::uint64_t known) { return all_.try_begin(*this, round, known); }
        std::uint64_t limit() const { return limit_; } // bytes that the turn may compress
        // Ends a turn that has compressed `bytes`. Returns `now` if nothing is left.
        TurnStart end(std::uint64_t bytes, TurnEnd end) { return all_.end(*this, bytes, end); }
        // Returns true while the body waits until those before it have had their turns.
        bool is_queued() const { return is_queued_; }

    private:
        friend class CompressionTurns;

        CompressionTurns& all_;
        Waiter& fiber_;
        EventLoop& loop_;
        Turn *previous_ = nullptr, *next_ = nullptr;
        std::uint64_t limit_ = 0;
        int in_a_row_ = 0;
        bool is_queued_ = false;
    };

private:
    TurnStart try_begin(Turn& turn, TimePoint round, std::uint64_t known) {
        if (turn.fiber_.is_yielding()) return TurnStart::when_woken; // an event came first
        turn.limit_ = long_turn;
        if (&turn == first_) return TurnStart::now;
        if (turn.is_queued_) return TurnStart::when_woken;
        if (round != round_) round_ = round, taken_ = 0;
        if (!first_ && taken_ < long_turn) return TurnStart::now;
        turn.limit_ = short_turn;
        return known > short_turn ? join(turn) : TurnStart::now;
    }

    TurnStart end(Turn& turn, std::uint64_t bytes, TurnEnd end) {
        if (!turn.is_queued_) taken_ += bytes;
        if (end == TurnEnd::nothing_left) {
            leave(turn);
            return TurnStart::now;
        }
        if (!turn.is_queued_) return bytes >= turn.limit_ ? join(turn) : TurnStart::in_next_round;
        if (++turn.in_a_row_ < turns_in_a_row || &turn == last_) return TurnStart::in_next_round;
        leave(turn);
        return join(turn);
    }

    TurnStart join(Turn& turn) {
        turn.is_queued_ = true;
        turn.in_a_row_ = 0;
        turn.previous_ = last_;
        (last_ ? last_->next_ : first_) = &turn;
        last_ = &turn;
        return first_ == &turn ? TurnStart::in_next_round : TurnStart::when_woken;
    }

    void leave(Turn& turn) {
        if (!turn.is_queued_) return;
        const bool was_first = first_ == &turn;
        (turn.previous_ ? turn.previous_->next_ : first_) = turn.next_;
        (turn.next_ ? turn.next_->previous_ : last_) = turn.previous_;
        turn.previous_ = turn.next_ = nullptr;
        turn.is_queued_ = false;
        if (was_first && first_) first_->fiber_.yield(first_->loop_);
    }

    TimePoint round_{};
    std::uint64_t taken_ = 0;                 // bytes that bodies outside the queue have compressed in this round
    Turn *first_ = nullptr, *last_ = nullptr; // the front has been woken, or yields
};

} // namespace weir::proxy
