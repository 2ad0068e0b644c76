// Decodes the framing of one message's body. It finds the payload and the end of the body, and refuses a body that is
// illegal or over its limit.
//
// Thread: one at a time.
// Lifetime: it keeps no pointer to the bytes.
#pragma once

#include "proxy/http1/chunk_decoder.h"
#include "proxy/http1/framing.h"

#include <algorithm>
#include <limits>

namespace weir::proxy::http {

enum class DecodeStatus {
    more,      // more of the body is to come
    done,      // the body has ended
    malformed, // the chunked coding is illegal
    too_large, // the body is over the limit
};

struct Decoded {
    DecodeStatus status;
    std::size_t consumed = 0; // bytes of the input that were read; with `malformed`, the offset of the illegal byte
    std::size_t payload = 0;  // bytes of payload, moved to the front of the input
};

class BodyDecoder {
public:
    static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

    // At most `limit` bytes of payload are allowed.
    BodyDecoder(const Framing& framing, ChunkSyntax syntax, std::uint64_t limit)
        : kind_(framing.kind), left_(framing.length), limit_(limit), chunks_(syntax) {}

    // Decodes all of the input in place, up to the end of the body or an error. Must not be called again after either.
    Decoded decode(char* bytes, std::size_t size);

    bool has_length() const { return kind_ == BodyKind::length; } // announced in advance
    std::uint64_t bytes_left() const { return left_; }            // of a body that has a length
    bool ends_with_connection() const { return kind_ == BodyKind::until_close; }
    std::uint64_t consumed() const { return consumed_; } // bytes decoded so far, framing included
    // Returns the trailer section of a body in chunks, once it has ended; empty if there is none.
    std::string_view trailers() const { return chunks_.trailers(); }

private:
    Decoded decode_chunks(char* bytes, std::size_t size);
    Decoded take(std::size_t size);

    const BodyKind kind_;
    std::uint64_t left_;  // of BodyKind::length
    std::uint64_t limit_; // bytes of payload still allowed
    std::uint64_t consumed_ = 0;
    ChunkDecoder chunks_;
};

// `decode` is inline, since every body passes through it.
inline Decoded BodyDecoder::decode(char* bytes, std::size_t size) {
    const auto decoded = kind_ == BodyKind::chunked ? decode_chunks(bytes, size) : take(size);
    if (decoded.status == DecodeStatus::malformed) return decoded;
    if (decoded.payload > limit_) return {DecodeStatus::too_large};
    limit_ -= decoded.payload;
    consumed_ += decoded.consumed;
    return decoded;
}

inline Decoded BodyDecoder::take(std::size_t size) {
    if (kind_ != BodyKind::length) return {DecodeStatus::more, size, size};
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, left_));
    left_ -= size;
    return {left_ == 0 ? DecodeStatus::done : DecodeStatus::more, size, size};
}

} // namespace weir::proxy::http
