// Compresses the body of one message, piece by piece, into one buffer.
//
//   take(piece) ─→ proceed() until needs_input() ─→ take(piece) ... ─→ flush() or finish()
//        whenever must_send(): send output() ─→ note_queued() ─→ sent ─→ note_sent() ─→ continue
//
// Thread: one worker's thread.
// Lifetime: lives in one response; the pools must outlive it.
#pragma once

#include "proxy/compress/encoder_pool.h"
#include "proxy/io/buffer.h"
#include "proxy/worker/compression_turns.h"

#include <span>

namespace weir::proxy::http {

class BodyCompressor {
public:
    // Who takes turns with the bodies of other connections.
    struct Place {
        CompressionTurns& turns;
        Waiter& fiber;
        EventLoop& loop;
    };

    // `output` provides the buffer.
    BodyCompressor(compress::EncoderPool::Lease encoder, BufferPool& output, const Place& place)
        : encoder_(std::move(encoder)), pool_(output), loop_(place.loop), turn_(place.turns, place.fiber, place.loop) {}

    // Must be called before anything is compressed. If it does not return `now`, nothing may be. `left` is how much of
    // the body is left, in bytes; 0 if that is unknown.
    TurnStart begin_turn(std::uint64_t left);
    bool has_used_turn() const { return consumed_ - at_turn_ >= turn_.limit(); }
    // Ends the turn. If there is more to compress, returns when it may begin.
    TurnStart end_turn(TurnEnd end) { return turn_.end(consumed_ - at_turn_, end); }
    // Returns true if others have their turns first.
    bool awaits_turn() const { return turn_.is_queued(); }
    // Returns true if a flush is due only after another turn: a sender that is busy has sent more by then. There is an
    // iteration of the event loop in at least one of two turns.
    bool awaits_more() const { return is_dirty_ && (consumed_ > at_turn_ || quiet_turns_ == 0); }

    // Returns true if the next piece may be taken. Never true while a flush is incomplete.
    bool needs_input() const { return input_.empty() && !is_flushing_; }
    // Takes a piece, which may be empty. Its bytes must stay in place until `needs_input`.
    void take(std::span<const char> piece) { input_ = piece; }

    // Compresses a part of the piece, or continues a flush that was incomplete.
    void proceed();
    // Makes everything that was taken decodable for the receiver. Does nothing if it is already.
    void flush();
    // Ends the body.
    void finish();

    // Returns true if the output must be sent before anything else is compressed.
    bool must_send() const { return must_send_; }
    std::span<const char> output() const { return {buffer_.view().data(), buffer_.size()}; }
    void note_queued() { is_sending_ = true; }
    bool is_sending() const { return is_sending_; }
    void note_sent();
    // Frees the buffer, which must be empty, until there is output again: a silent connection holds no memory for it.
    void release() {
        buffer_.release();
        must_send_ = false;
    }

    bool has_ended() const { return has_ended_; }        // the output has the end of the body
    std::uint64_t consumed() const { return consumed_; } // bytes of the body compressed so far

private:
    void encode(std::span<const char> input, compress::Operation operation);

    compress::EncoderPool::Lease encoder_;
    BufferPool& pool_;
    EventLoop& loop_;
    CompressionTurns::Turn turn_;
    Buffer buffer_;
    std::span<const char> input_;
    std::uint64_t consumed_ = 0, at_turn_ = 0; // at_turn_: when the turn began
    std::uint64_t quiet_turns_ = 0;            // turns in a row in which nothing was compressed
    bool is_dirty_ = false;                    // the receiver cannot decode everything yet
    bool is_flushing_ = false, must_send_ = false, is_sending_ = false, has_ended_ = false;
};

} // namespace weir::proxy::http
