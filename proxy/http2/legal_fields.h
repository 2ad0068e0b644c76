// Which names and values a field of HTTP/2 may have (RFC 9113 section 8.2.1), so that it has one reading in HTTP/1.1.
//
// Thread: pure functions.
// Lifetime: values.
#pragma once

#include "proxy/http1/chars.h"
#include "proxy/http1/scan.h"

#include <array>
#include <cstddef>
#include <string_view>

namespace weir::proxy::http2 {

inline constexpr std::size_t max_length_digits = 18; // of a Content-Length, as in HTTP/1.1: always fits 63 bits
inline constexpr std::size_t field_overhead = 32;    // what a field counts beside its bytes (RFC 9113 section 6.5.2)

// Returns true if the text is not empty and all its bytes are of a kind.
template <bool (*Is)(char)> bool is_all(std::string_view text) {
    for (const char c : text) // g++ would not inline Is as an argument of std::all_of
        if (!Is(c)) return false;
    return !text.empty();
}

inline constexpr auto field_name_chars = [] {
    std::array<bool, 256> table{};
    for (std::size_t i = 0; i < table.size(); ++i) {
        const auto c = static_cast<char>(i);
        table[i] = http::is_token(c) && http::to_lower(c) == c;
    }
    return table;
}();

inline bool is_field_name_char(char c) { return field_name_chars[static_cast<unsigned char>(c)]; }

// Returns true for a token without upper-case letters.
inline bool is_field_name(std::string_view name) { return is_all<is_field_name_char>(name); }

// Returns true for a value without control bytes, and without blanks around it.
inline bool is_field_value(std::string_view value) {
    if (value.empty()) return true;
    if (http::is_blank(value.front()) || http::is_blank(value.back())) return false;
    const char* const end = value.data() + value.size();
    return http::skip_value(value.data(), end) == end;
}

} // namespace weir::proxy::http2
