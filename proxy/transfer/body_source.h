// Reads the body of a message from a socket, decodes its framing and returns its payload in pieces, without copying.
//
//   next() returns a piece ─→ the caller sends it ─→ consume() ─→ next() returns nothing ─→ receive() ─→ next() ...
//
// Thread: one worker's thread.
// Lifetime: the socket, the buffer and the pool must outlive it; it must not move.
#pragma once

#include "proxy/io/stream.h"
#include "proxy/transfer/body_buffer.h"
#include "proxy/transfer/body_decoder.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace weir::proxy::http {

// What may follow the message on the sender's connection. A client sends more messages, and is read strictly.
enum class Following : std::uint8_t { messages, nothing };

enum class SourceStatus : std::uint8_t {
    open,      // more of the body is to come
    ended,     // the body has ended; its last piece may still have to be consumed
    truncated, // the sender closed before the end that its framing announced
    failed,    // the sender's connection failed
    malformed, // the chunked coding is illegal
    too_large, // the body is over the limit
};

// Returns the framing with which a body arrives if its head states `framing`. The stream of a connection that carries
// several has no chunks: it ends the body itself.
inline Framing received_framing(const Stream& from, const Framing& framing) {
    return from.is_multiplexed() && framing.kind == BodyKind::chunked ? Framing{BodyKind::until_close} : framing;
}

class BodySource {
public:
    // `input` holds bytes that were read already; bytes behind the message stay in it. `pool` provides larger buffers.
    // At most `limit` bytes of payload are allowed.
    BodySource(Stream& from, Buffer& input, BufferPool& pool, const Framing& framing, Following following,
               std::uint64_t limit)
        : from_(from), buffer_(input, pool),
          decoder_(framing, following == Following::messages ? ChunkSyntax::strict : ChunkSyntax::tolerant, limit),
          following_(following), status_(framing.has_body() ? SourceStatus::open : SourceStatus::ended) {}
    BodySource(const BodySource&) = delete;
    BodySource& operator=(const BodySource&) = delete;

    // Decodes the bytes that have been received and returns the next piece of the payload; it stays in place until
    // `consume`. Returns an empty piece if there is nothing to decode, or if the previous piece has not been consumed
    // yet.
    std::span<const char> next();
    // Drops the piece that `next` has returned, if any.
    void consume() { buffer_.current().consume(std::exchange(lent_, 0)); }
    SourceStatus status() const { return status_; }

    // Reads more of the body. May be called only while the body is open and every piece has been consumed. Returns
    // false if nothing can be read until the socket has an event.
    bool receive();

    // Returns the trailer section after `ended`, as the sender has sent it: field lines, each with its CRLF. Empty if
    // there is none. Only messages in chunks, and those of multiplexed streams, have one.
    std::string_view trailers() const { return from_.is_multiplexed() ? from_.trailers() : decoder_.trailers(); }

    std::uint64_t received() const { return received_; }           // bytes read here, without what `input` held before
    std::uint64_t consumed() const { return decoder_.consumed(); } // bytes of the message decoded so far, with framing
    // Returns the number of bytes that are not decoded yet; 0 if the body's length is unknown.
    std::uint64_t bytes_left() const { return decoder_.has_length() ? decoder_.bytes_left() : 0; }
    // Returns the illegal bytes after `malformed`.
    std::string_view malformed() const {
        const auto bytes = buffer_.current().view();
        return bytes.substr(std::min(bad_at_, bytes.size()));
    }
    bool has_surplus() const { return !buffer_.current().empty(); } // after `ended`: bytes are behind the message

private:
    std::span<char> room();

    Stream& from_;
    BodyBuffer buffer_;
    BodyDecoder decoder_;
    const Following following_;
    SourceStatus status_;
    std::size_t lent_ = 0; // bytes at the front of the buffer that the piece occupies, with its framing
    std::uint64_t received_ = 0;
    std::size_t bad_at_ = 0; // after `malformed`: offset in the buffer
};

// Inline, since every body passes through it.
inline std::span<const char> BodySource::next() {
    auto& input = buffer_.current();
    if (status_ != SourceStatus::open || lent_ > 0 || input.empty()) return {};
    const auto decoded = decoder_.decode(input.data(), input.size());
    switch (decoded.status) {
    case DecodeStatus::more: break;
    case DecodeStatus::done: status_ = SourceStatus::ended; break;
    case DecodeStatus::too_large: status_ = SourceStatus::too_large; return {};
    case DecodeStatus::malformed:
        status_ = SourceStatus::malformed;
        bad_at_ = decoded.consumed;
        return {};
    }
    lent_ = decoded.consumed;
    if (decoded.payload > 0) return {input.data(), decoded.payload};
    consume();
    return {};
}

} // namespace weir::proxy::http
