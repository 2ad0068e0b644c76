// Takes the chunked coding off a body (RFC 9112 section 7.1), strictly: sizes are plain hex digits, lines end in CRLF,
// extensions are bounded and dropped, trailers are checked, bounded and dropped.
//
// Thread: one at a time.
// Lifetime: keeps nothing of the bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::proxy::http {

enum class ChunkStatus { more, done, bad };

struct ChunkResult {
    ChunkStatus status;
    std::size_t consumed = 0; // bytes read of the input
    std::size_t payload = 0;  // bytes of body, moved to the input's front
};

class ChunkDecoder {
public:
    // Decodes in place as much as there is.
    ChunkResult decode(char* bytes, std::size_t size);

private:
    enum class State : std::uint8_t {
        size_start,
        size,
        extension,
        size_lf,
        data,
        data_cr,
        data_lf,
        trailer_start,
        trailer_name,
        trailer_value,
        trailer_lf,
        end_lf,
        done,
        bad
    };

    State step(char c);
    State read_size(char c);

    State state_ = State::size_start;
    std::uint8_t digits_ = 0;
    std::uint32_t overhead_ = 0; // bytes of extensions and trailers so far
    std::uint64_t left_ = 0;     // of the chunk at hand
};

} // namespace weir::proxy::http
