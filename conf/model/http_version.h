// The versions of HTTP that a client may speak.
//
// Thread: constants.
// Lifetime: values.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::conf {

enum class HttpVersion : std::uint8_t {
    none, // unknown: bytes that were no request
    http1_0,
    http1_1,
    http2,
};

inline constexpr std::size_t http_version_count = static_cast<std::size_t>(HttpVersion::http2) + 1;

} // namespace weir::conf
