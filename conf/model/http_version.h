// The versions of HTTP that a client may speak.
//
// Thread: constants.
// Lifetime: values.
#pragma once

#include <cstdint>

namespace weir::conf {

enum class HttpVersion : std::uint8_t {
    none, // unknown: bytes that were no request
    http1_0,
    http1_1,
    http2,
};

} // namespace weir::conf
