#include "proxy/http1/chunk_decoder.h"

#include "proxy/http1/chars.h"
#include "proxy/http1/trailers.h"

#include <algorithm>
#include <cstring>

namespace weir::proxy::http {
namespace {

constexpr std::uint8_t max_size_digits = 15; // real chunks are smaller than 2^60
constexpr std::uint32_t max_overhead = 8 * 1024;

} // namespace

ChunkResult ChunkDecoder::decode(char* bytes, std::size_t size) {
    std::size_t at = 0, payload = 0;
    while (at < size && state_ != State::done && state_ != State::bad) {
        if (state_ != State::data) {
            state_ = step(bytes[at++]);
            continue;
        }
        const auto run = static_cast<std::size_t>(std::min<std::uint64_t>(left_, size - at));
        if (payload != at) std::memmove(bytes + payload, bytes + at, run);
        payload += run;
        at += run;
        left_ -= run;
        if (left_ == 0) state_ = State::data_cr;
    }
    const auto status = state_ == State::done  ? ChunkStatus::done
                        : state_ == State::bad ? ChunkStatus::bad
                                               : ChunkStatus::more;
    return {status, at, payload};
}

ChunkDecoder::State ChunkDecoder::read_size(char c) {
    if (is_hex(c)) {
        left_ = left_ * 16 + hex_value(c);
        return ++digits_ > max_size_digits ? State::bad : State::size;
    }
    if (digits_ == 0) return State::bad;
    digits_ = 0;
    return end_size(c);
}

// Handles the byte behind the digits. Blanks are legal only before an extension, but old Apache versions and other
// servers pad the size with them.
ChunkDecoder::State ChunkDecoder::end_size(char c) const {
    if (is_blank(c)) return State::size_padding;
    if (c == ';') return syntax_ == ChunkSyntax::strict ? State::extension_start : State::any_extension;
    const bool padded = state_ == State::size_padding;
    return c == '\r' && (!padded || syntax_ == ChunkSyntax::tolerant) ? State::size_lf : State::bad;
}

// RFC 9112 section 7.1.1: *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )
ChunkDecoder::State ChunkDecoder::step_extension(char c) const {
    switch (state_) {
    case State::any_extension: return is_line(c) ? State::any_extension : c == '\r' ? State::size_lf : State::bad;
    case State::extension_start:
        if (is_blank(c)) return State::extension_start;
        return is_token(c) ? State::extension_name : State::bad;
    case State::extension_name:
        if (is_token(c)) return State::extension_name;
        if (c == '=') return State::value_start;
        return is_blank(c) ? State::after_name : end_extension(c);
    case State::after_name: // blanks, which "=" or ";" must follow
        if (c == '=') return State::value_start;
        [[fallthrough]];
    case State::after_value: return is_blank(c) ? state_ : c == ';' ? State::extension_start : State::bad;
    case State::value_start:
        if (is_blank(c)) return State::value_start;
        return c == '"' ? State::value_quoted : is_token(c) ? State::value_token : State::bad;
    case State::value_token:
        if (is_token(c)) return State::value_token;
        [[fallthrough]];
    case State::value_end: return is_blank(c) ? State::after_value : end_extension(c);
    case State::value_quoted:
        if (c == '"') return State::value_end;
        return c == '\\' ? State::value_escaped : is_value(c) ? State::value_quoted : State::bad;
    case State::value_escaped: return is_value(c) ? State::value_quoted : State::bad;
    default: return State::bad;
    }
}

ChunkDecoder::State ChunkDecoder::end_extension(char c) const {
    return c == ';' ? State::extension_start : c == '\r' ? State::size_lf : State::bad;
}

// Handles the first byte of a line of the trailer section.
ChunkDecoder::State ChunkDecoder::begin_trailer(char c) {
    if (c == '\r') return State::end_lf;
    if (!is_token(c) || trailer_count_++ == max_trailer_count || ++overhead_ > max_overhead) return State::bad;
    keep(c);
    return State::trailer_name;
}

// The fields of a trailer section have the syntax of those of a head.
ChunkDecoder::State ChunkDecoder::step_trailer(char c) {
    keep(c);
    const bool is_text = syntax_ == ChunkSyntax::strict ? is_value(c) : is_line(c);
    switch (state_) {
    case State::trailer_name:
        if (c == ':') return State::trailer_value;
        return is_token(c) ? State::trailer_name : State::bad;
    case State::trailer_value:
        if (c == '\r') return State::trailer_lf;
        return is_text ? State::trailer_value : State::bad;
    case State::trailer_lf: return c == '\n' ? State::trailer_start : State::bad;
    default: return State::bad;
    }
}

void ChunkDecoder::keep(char c) {
    if (!trailers_) trailers_ = std::make_unique<std::string>();
    trailers_->push_back(c);
}

ChunkDecoder::State ChunkDecoder::step(char c) {
    switch (state_) {
    case State::size_start: left_ = 0; [[fallthrough]];
    case State::size: return read_size(c);
    case State::size_padding: return ++overhead_ <= max_overhead ? end_size(c) : State::bad;
    case State::any_extension:
    case State::extension_start:
    case State::extension_name:
    case State::after_name:
    case State::value_start:
    case State::value_token:
    case State::value_quoted:
    case State::value_escaped:
    case State::value_end:
    case State::after_value: return ++overhead_ <= max_overhead ? step_extension(c) : State::bad;
    case State::size_lf:
        if (c != '\n') return State::bad;
        return left_ == 0 ? State::trailer_start : State::data;
    case State::data_cr: return c == '\r' ? State::data_lf : State::bad;
    case State::data_lf: return c == '\n' ? State::size_start : State::bad;
    case State::trailer_start: return begin_trailer(c);
    case State::trailer_name:
    case State::trailer_value:
    case State::trailer_lf: return ++overhead_ <= max_overhead ? step_trailer(c) : State::bad;
    case State::end_lf: return c == '\n' ? State::done : State::bad;
    case State::data:
    case State::done:
    case State::bad: break;
    }
    return State::bad;
}

} // namespace weir::proxy::http
