// The error codes of HTTP/2 (RFC 9113 section 7) in words.
//
// Thread: constants and pure functions.
// Lifetime: texts are static.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace weir::proxy::http2 {

// Returns how a RST_STREAM with this code is described, such as "RST_STREAM: CANCEL".
inline const char* reset_text(std::uint32_t error_code) {
    static constexpr std::array texts{
        "RST_STREAM: NO_ERROR",
        "RST_STREAM: PROTOCOL_ERROR",
        "RST_STREAM: INTERNAL_ERROR",
        "RST_STREAM: FLOW_CONTROL_ERROR",
        "RST_STREAM: SETTINGS_TIMEOUT",
        "RST_STREAM: STREAM_CLOSED",
        "RST_STREAM: FRAME_SIZE_ERROR",
        "RST_STREAM: REFUSED_STREAM",
        "RST_STREAM: CANCEL",
        "RST_STREAM: COMPRESSION_ERROR",
        "RST_STREAM: CONNECT_ERROR",
        "RST_STREAM: ENHANCE_YOUR_CALM",
        "RST_STREAM: INADEQUATE_SECURITY",
        "RST_STREAM: HTTP_1_1_REQUIRED",
        "RST_STREAM with an unknown code",
    };
    return texts[std::min<std::size_t>(error_code, texts.size() - 1)];
}

} // namespace weir::proxy::http2
