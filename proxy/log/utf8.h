// UTF-8 as Unicode defines it (chapter 3, table 3-7): no overlong forms, no surrogates, nothing above U+10FFFF.
//
// Thread: pure function.
// Lifetime: the function keeps nothing.
#pragma once

#include <cstddef>
#include <string_view>

namespace weir::proxy::log {

// Returns the length of the character at the front of `text`, 1 to 4 bytes; 0 if it is not valid UTF-8.
constexpr std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const auto continues = [&](std::size_t from, std::size_t to) {
        for (std::size_t i = from; i < to; ++i)
            if ((byte(i) & 0xc0) != 0x80) return false;
        return true;
    };
    const unsigned first = byte(0), second = byte(1);
    if (text.empty()) return 0;
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    if (first < 0xe0) return continues(1, 2) ? 2 : 0;
    if (first < 0xf0) {
        const bool legal = first == 0xe0 ? second >= 0xa0 : first == 0xed ? second < 0xa0 : true;
        return legal && continues(1, 3) ? 3 : 0;
    }
    const bool legal = first == 0xf0 ? second >= 0x90 : first == 0xf4 ? second < 0x90 : true;
    return legal && continues(1, 4) ? 4 : 0;
}

} // namespace weir::proxy::log
