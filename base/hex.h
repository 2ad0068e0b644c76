// Hexadecimal encoding.
//
// Thread: pure function.
// Lifetime: the result owns its text.
#pragma once

#include <span>
#include <string>

namespace weir {

// Returns the bytes in lower-case hex.
inline std::string to_hex(std::span<const unsigned char> bytes) {
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const auto byte : bytes) {
        out += "0123456789abcdef"[byte >> 4];
        out += "0123456789abcdef"[byte & 15];
    }
    return out;
}

} // namespace weir
