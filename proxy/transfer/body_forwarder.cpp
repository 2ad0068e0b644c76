#include "proxy/transfer/body_forwarder.h"

namespace weir::proxy::http {
namespace {

constexpr std::uint64_t yield_after = 1u << 20; // bytes moved before other connections get their turn

// Returns how forwarding ends if its source has failed.
ForwardStatus failure_of(SourceStatus source) {
    switch (source) {
    case SourceStatus::truncated: return ForwardStatus::source_ended;
    case SourceStatus::malformed: return ForwardStatus::malformed;
    case SourceStatus::too_large: return ForwardStatus::too_large;
    default: return ForwardStatus::source_failed;
    }
}

// Returns how a run ends that goes on at `start`.
ForwardStatus status_until(TurnStart start) {
    return start == TurnStart::when_woken ? ForwardStatus::blocked : ForwardStatus::yielded;
}

} // namespace

ForwardStatus BodyForwarder::run() {
    sink_.prepare();
    for (const auto pause = moved() + yield_after;;) {
        if (moved() >= pause) return ForwardStatus::yielded;
        if (const auto piece = source_.next(); !piece.empty()) {
            if (tap_) tap_->on_data(piece);
            if (sink_.write(piece)) source_.consume();
        }
        const auto status = source_.status();
        if (status == SourceStatus::ended) end(ContentCoded::no);
        else if (status != SourceStatus::open) return failure_of(status);
        if (!sink_.is_flushed()) {
            const auto flushed = sink_.flush();
            if (flushed == IoStatus::would_block) return ForwardStatus::blocked;
            if (flushed != IoStatus::ok) return ForwardStatus::sink_failed;
            source_.consume();
            continue;
        }
        if (status == SourceStatus::ended) return ForwardStatus::done;
        if (!source_.receive()) return ForwardStatus::blocked;
    }
}

ForwardStatus BodyForwarder::run(BodyCompressor& compressor) {
    sink_.prepare();
    if (const auto start = compressor.begin_turn(source_.bytes_left()); start != TurnStart::now)
        return status_until(start);
    const auto status = run_turn(compressor);
    const auto end = status == ForwardStatus::yielded ? TurnEnd::more_left : TurnEnd::nothing_left;
    const auto next = compressor.end_turn(end);
    return status == ForwardStatus::yielded ? status_until(next) : status;
}

ForwardStatus BodyForwarder::run_turn(BodyCompressor& compressor) {
    for (const auto pause = moved() + yield_after;;) {
        if (compressor.is_sending()) {
            const auto flushed = sink_.flush();
            if (flushed == IoStatus::would_block) return ForwardStatus::blocked;
            if (flushed != IoStatus::ok) return ForwardStatus::sink_failed;
            compressor.note_sent();
            if (compressor.has_ended()) return ForwardStatus::done;
        }
        if (moved() >= pause || compressor.has_used_turn()) return ForwardStatus::yielded;
        if (const auto status = compress_next(compressor)) return *status;
    }
}

ForwardStatus BodyForwarder::run(StoredBody& body) {
    sink_.prepare();
    sink_.detach_head(); // another attempt may need it
    for (const auto pause = moved() + yield_after;;) {
        if (moved() >= pause) return ForwardStatus::yielded;
        if (const auto piece = body.next(); !piece.empty()) sink_.write(piece);
        if (body.has_failed()) return ForwardStatus::source_failed;
        if (!sink_.is_flushed()) {
            const auto flushed = sink_.flush();
            if (flushed == IoStatus::would_block) return ForwardStatus::blocked;
            if (flushed != IoStatus::ok) return ForwardStatus::sink_failed;
            body.consume();
            continue;
        }
        return body.has_ended() ? ForwardStatus::done : ForwardStatus::blocked;
    }
}

// Reads or compresses a part of the body, and queues the output if it must be sent now: it fills its buffer, the body
// has ended, or nothing could be read for two turns. Returns how forwarding ends, or nothing if it continues.
std::optional<ForwardStatus> BodyForwarder::compress_next(BodyCompressor& compressor) {
    if (compressor.needs_input()) {
        source_.consume();
        compressor.take(source_.next());
    }
    const auto status = source_.status();
    if (status != SourceStatus::open && status != SourceStatus::ended) return failure_of(status);
    if (!compressor.needs_input()) {
        compressor.proceed();
    } else if (status == SourceStatus::ended) {
        compressor.finish();
    } else {
        if (source_.receive()) return std::nullopt;
        if (compressor.awaits_more()) return ForwardStatus::yielded;
        compressor.flush();
        if (compressor.output().empty() && sink_.is_flushed()) {
            compressor.release();
            return ForwardStatus::blocked;
        }
    }
    if (!compressor.must_send()) return std::nullopt;
    if (const auto output = compressor.output(); !output.empty()) sink_.write(output);
    if (compressor.has_ended()) end(ContentCoded::yes);
    compressor.note_queued();
    return std::nullopt;
}

// Queues the end of the body, with what may be forwarded of the trailer section.
void BodyForwarder::end(ContentCoded coded) {
    if (sink_.has_ended()) return;
    const auto received = trailers();
    if (received.empty() || !trailer_filter_ || !sink_.takes_trailers()) return sink_.end();
    sink_.end(trailer_filter_->filter(received, coded));
}

} // namespace weir::proxy::http
