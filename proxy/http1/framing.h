// Decides where a message ends from all of its fields (RFC 9112 section 6). Anything ambiguous is an error: a request
// is refused with 400, and a response counts as broken. A response may repeat the same Content-Length.
//
// Thread: pure functions and values.
// Lifetime: the functions keep nothing.
#pragma once

#include "proxy/http1/head.h"

#include <cstdint>

namespace weir::proxy::http {

enum class BodyKind : std::uint8_t { none, length, chunked, until_close };

struct Framing {
    BodyKind kind = BodyKind::none;
    std::uint64_t length = 0; // of BodyKind::length

    // Returns true if body bytes follow the head, or may follow. They do not after Content-Length: 0.
    bool has_body() const { return kind == BodyKind::length ? length > 0 : kind != BodyKind::none; }
    bool operator==(const Framing&) const = default;
};

struct FramingResult {
    Framing framing;
    const char* error = nullptr; // what is wrong; null if nothing is
};

// Returns the framing of a request. A request without framing fields has no body.
FramingResult request_framing(const RequestHead& head);

enum class AnswerTo { head, other };

// Returns the framing of a response. `to` says whether the request was a HEAD. Responses to HEAD, and responses with
// status 1xx, 204 or 304, never have a body.
FramingResult response_framing(const ResponseHead& head, AnswerTo to);

} // namespace weir::proxy::http
