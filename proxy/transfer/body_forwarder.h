// Moves one message's body from one socket to another, as fast as the slower of the two: joins a BodySource, which
// decodes the framing that the body arrives with, and a BodySink, which encodes the framing that was announced to the
// receiver. One buffer bounds the memory in use.
//
// Thread: one worker's thread.
// Lifetime: sockets, input and head must outlive it; it must not move.
#pragma once

#include "proxy/transfer/body_compressor.h"
#include "proxy/transfer/body_sink.h"
#include "proxy/transfer/body_source.h"
#include "proxy/transfer/body_tap.h"
#include "proxy/transfer/stored_body.h"
#include "proxy/transfer/trailer_filter.h"

#include <optional>

namespace weir::proxy::http {

enum class ForwardStatus {
    blocked,       // nothing can be done until a socket has an event, or the fiber is woken for its turn to compress
    yielded,       // more could be done, but other connections get their turn first
    done,          // the kernel has taken the whole body
    source_ended,  // the sender closed before the end that its framing announced
    source_failed, // the sender's connection failed
    sink_failed,   // the receiver's connection failed
    malformed,     // the chunked coding is illegal
    too_large,     // the body is over the limit
};

enum class Waiting { for_source, for_sink };

class BodyForwarder {
public:
    struct Ends {
        Stream& from;
        Stream& to;
        Buffer& input; // bytes read already; bytes behind the message stay in it. Needs spare room (head_block_size)
        BufferPool& bodies; // for larger buffers
    };

    BodyForwarder(const Ends& ends, const Framing& framing, Encoding encoding, Following following,
                  std::uint64_t limit = BodyDecoder::unlimited)
        : source_(ends.from, ends.input, ends.bodies, framing, following, limit),
          // Without a body there is no last chunk, and a multiplexed stream has no chunks.
          sink_(ends.to, framing.has_body() && !ends.to.is_multiplexed() ? encoding : Encoding::identity),
          has_body_(framing.has_body()) {}

    // Sends a head before the body, in the same system call if possible: a small body is appended to it.
    void send_first(Buffer& head) { sink_.begin(head); }

    // Shows `tap` each piece of the body that is not compressed; null: nothing sees it.
    void set_tap(BodyTap* tap) { tap_ = tap; }

    // Lets `filter` choose the fields of a trailer section that are forwarded; null: none is.
    void set_trailer_filter(const TrailerFilter* filter) { trailer_filter_ = filter; }

    // Forwards as much as can be forwarded now.
    ForwardStatus run();
    // Likewise, but compresses the body, which must be sent in chunks. Every call must have the same `compressor`.
    ForwardStatus run(BodyCompressor& compressor);
    // Likewise, but sends a body from its store; the framing must say that there is none. The head is left as it is.
    ForwardStatus run(StoredBody& body);

    Waiting waiting() const { return sink_.is_flushed() ? Waiting::for_source : Waiting::for_sink; }
    // Returns a number that changes whenever something moved.
    std::uint64_t moved() const { return source_.received() + sink_.sent(); }
    // Return the number of bytes sent to the receiver: with head and framing, and without them.
    std::uint64_t sent() const { return sink_.sent(); }
    std::uint64_t payload_sent() const { return sink_.payload_sent(); }
    std::uint64_t received() const { return source_.received(); } // bytes read here, without what `input` held before
    std::uint64_t consumed() const { return source_.consumed(); } // bytes of the message decoded, with framing
    // Returns the illegal bytes after `malformed`.
    std::string_view malformed() const { return source_.malformed(); }
    bool has_surplus() const { return source_.has_surplus(); } // after `done`: there are bytes behind the message
    // Returns the trailer section after `done`, as the sender has sent it: field lines, each with its CRLF. Empty if
    // there is none.
    std::string_view trailers() const { return has_body_ ? source_.trailers() : std::string_view(); }

private:
    ForwardStatus run_turn(BodyCompressor& compressor);
    std::optional<ForwardStatus> compress_next(BodyCompressor& compressor);
    void end(ContentCoded coded);

    BodySource source_;
    BodySink sink_;
    BodyTap* tap_ = nullptr;
    const TrailerFilter* trailer_filter_ = nullptr;
    const bool has_body_;
};

} // namespace weir::proxy::http
