#include "proxy/http/chunk_decoder.h"

#include "proxy/http/chars.h"

#include <algorithm>
#include <cstring>

namespace weir::proxy::http {
namespace {

constexpr std::uint8_t most_digits = 15; // no honest chunk is larger than 2^60
constexpr std::uint32_t most_overhead = 8 * 1024;

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
        return ++digits_ > most_digits ? State::bad : State::size;
    }
    if (digits_ == 0) return State::bad;
    digits_ = 0;
    if (c == ';') return State::extension;
    return c == '\r' ? State::size_lf : State::bad;
}

ChunkDecoder::State ChunkDecoder::step(char c) {
    switch (state_) {
    case State::size_start: left_ = 0; [[fallthrough]];
    case State::size: return read_size(c);
    case State::extension:
        if (c == '\r') return State::size_lf;
        return is_value(c) && ++overhead_ <= most_overhead ? State::extension : State::bad;
    case State::size_lf:
        if (c != '\n') return State::bad;
        return left_ == 0 ? State::trailer_start : State::data;
    case State::data_cr: return c == '\r' ? State::data_lf : State::bad;
    case State::data_lf: return c == '\n' ? State::size_start : State::bad;
    case State::trailer_start:
        if (c == '\r') return State::end_lf;
        return is_token(c) && ++overhead_ <= most_overhead ? State::trailer_name : State::bad;
    case State::trailer_name:
        if (c == ':') return State::trailer_value;
        return is_token(c) && ++overhead_ <= most_overhead ? State::trailer_name : State::bad;
    case State::trailer_value:
        if (c == '\r') return State::trailer_lf;
        return is_value(c) && ++overhead_ <= most_overhead ? State::trailer_value : State::bad;
    case State::trailer_lf: return c == '\n' ? State::trailer_start : State::bad;
    case State::end_lf: return c == '\n' ? State::done : State::bad;
    case State::data:
    case State::done:
    case State::bad: break;
    }
    return State::bad;
}

} // namespace weir::proxy::http
