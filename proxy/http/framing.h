// Where a message ends, decided in one place from all of its fields (RFC 9112 section 6). Anything ambiguous is an
// error: a request is refused with 400, a response counts as broken.
//
// Thread: pure functions and values.
// Lifetime: nothing is kept.
#pragma once

#include "proxy/http/head.h"

#include <cstdint>

namespace weir::proxy::http {

enum class BodyKind : std::uint8_t { none, length, chunked, until_close };

struct Framing {
    BodyKind kind = BodyKind::none;
    std::uint64_t length = 0; // of BodyKind::length
    bool operator==(const Framing&) const = default;
};

struct FramingResult {
    Framing framing;
    const char* error = nullptr; // what is wrong; null where nothing is
};

FramingResult request_framing(const RequestHead& head);

enum class AnswerTo { head, other };

// `to` says whether the request was a HEAD: its response has no body whatever its fields say, as have 1xx, 204 and 304.
FramingResult response_framing(const ResponseHead& head, AnswerTo to);

} // namespace weir::proxy::http
