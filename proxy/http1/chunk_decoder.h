// Decodes the chunked transfer coding (RFC 9112 section 7.1). Sizes are plain hex digits and lines end in CRLF;
// extensions are checked, bounded and dropped. The trailer section is checked, bounded and collected.
//
// Thread: one at a time.
// Lifetime: the decoder keeps no pointer to the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace weir::proxy::http {

enum class ChunkStatus { more, done, bad };

struct ChunkResult {
    ChunkStatus status;
    std::size_t consumed = 0; // bytes of the input that were read
    std::size_t payload = 0;  // bytes of body, moved to the front of the input
};

// strict follows the grammar and is used for requests. tolerant is used for responses: blanks may pad a size, an
// extension may be any text, and extensions and trailers may hold control bytes other than NUL, CR and LF.
enum class ChunkSyntax : std::uint8_t { strict, tolerant };

class ChunkDecoder {
public:
    explicit ChunkDecoder(ChunkSyntax syntax) : syntax_(syntax) {}

    // Decodes all of the input in place, up to the end of the body or an error.
    ChunkResult decode(char* bytes, std::size_t size);

    // Returns the trailer section after `done`: field lines, each with its CRLF. Empty if there is none.
    std::string_view trailers() const { return trailers_ ? std::string_view(*trailers_) : std::string_view(); }

private:
    enum class State : std::uint8_t {
        size_start,
        size,
        size_padding,
        any_extension,   // tolerant: up to the end of the line
        extension_start, // after ';'
        extension_name,
        after_name,  // blanks
        value_start, // after '='
        value_token,
        value_quoted,
        value_escaped,
        value_end,   // the closing quote
        after_value, // blanks
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
    State end_size(char c) const;
    State step_extension(char c) const;
    State end_extension(char c) const;
    State step_trailer(char c);
    State begin_trailer(char c);
    void keep(char c);

    const ChunkSyntax syntax_;
    State state_ = State::size_start;
    std::uint8_t digits_ = 0;
    std::uint8_t trailer_count_ = 0;
    std::uint32_t overhead_ = 0;            // bytes of padding, extensions and trailers so far
    std::uint64_t left_ = 0;                // bytes left of the current chunk
    std::unique_ptr<std::string> trailers_; // null until there is one: most messages have none
};

} // namespace weir::proxy::http
