#include "proxy/transfer/body_compressor.h"

#include <algorithm>

namespace weir::proxy::http {
namespace {

using compress::Operation;

constexpr std::size_t max_step = 16 * 1024; // bytes that one call compresses

} // namespace

TurnStart BodyCompressor::begin_turn(std::uint64_t left) {
    const auto start = turn_.try_begin(loop_.now(), consumed_ == 0 ? left : 0);
    if (start != TurnStart::now) return start;
    quiet_turns_ = consumed_ > at_turn_ ? 0 : quiet_turns_ + 1;
    at_turn_ = consumed_;
    return start;
}

void BodyCompressor::proceed() {
    if (is_flushing_) return encode({}, Operation::flush);
    encode(input_.first(std::min(input_.size(), max_step)), Operation::proceed);
}

void BodyCompressor::flush() {
    if (is_dirty_) encode({}, Operation::flush);
    must_send_ = true; // the head of the message may be waiting
}

void BodyCompressor::finish() { encode({}, Operation::finish); }

void BodyCompressor::encode(std::span<const char> input, Operation operation) {
    if (!buffer_.has_memory()) buffer_ = Buffer(pool_);
    const auto done = (*encoder_).encode(input, buffer_.space(), operation);
    buffer_.fill(done.produced);
    input_ = input_.subspan(done.consumed);
    consumed_ += done.consumed;
    if (operation == Operation::proceed) is_dirty_ = is_dirty_ || done.consumed > 0;
    else is_dirty_ = !done.complete;
    is_flushing_ = operation == Operation::flush && !done.complete;
    has_ended_ = operation == Operation::finish && done.complete;
    must_send_ = buffer_.space().size() < compress::Encoder::min_output || operation != Operation::proceed;
}

void BodyCompressor::note_sent() {
    buffer_.consume(buffer_.size());
    buffer_.rewind();
    must_send_ = is_sending_ = false;
}

} // namespace weir::proxy::http
