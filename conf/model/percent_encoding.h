// Percent-encoded characters (RFC 3986 section 2.1).
//
// Thread: pure functions.
// Lifetime: values.
#pragma once

#include <string>
#include <string_view>

namespace weir::conf {

// Takes the percent-encoded character at the front of `text`, which begins with '%'. Returns -1, and takes nothing, if
// it is malformed.
inline int take_encoded(std::string_view& text) {
    const auto value_of = [](char c) {
        if (c >= '0' && c <= '9') return c - '0';
        if (c >= 'a' && c <= 'f') return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    };
    if (text.size() < 3) return -1;
    const int high = value_of(text[1]), low = value_of(text[2]);
    if (high < 0 || low < 0) return -1;
    text.remove_prefix(3);
    return high * 16 + low;
}

// Appends a character, percent-encoded with upper-case digits.
inline void put_encoded(std::string& out, char c) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += digits[byte >> 4];
    out += digits[byte & 15];
}

} // namespace weir::conf
