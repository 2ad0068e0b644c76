// The character classes of HTTP/1.1 (RFC 9110 section 5.6.2, RFC 9112 section 3), each as one table look-up.
//
// Thread: constants.
// Lifetime: static.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace weir::proxy::http {

namespace detail {

enum CharClass : std::uint8_t {
    token = 1,
    target = 2,
    value = 4,
    hex = 8,
    host = 16,
    line = 32,
    plain = 64,
    name = 128
};

constexpr std::array<std::uint8_t, 256> make_table() {
    std::array<std::uint8_t, 256> table{};
    const auto mark = [&](std::string_view chars, std::uint8_t bit) {
        for (const char c : chars) table[static_cast<unsigned char>(c)] |= bit;
    };
    constexpr std::string_view alnum = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    mark(alnum, token | host | plain | name);
    mark("-", plain);
    mark("!#$%&'*+-.^_`|~", token);
    mark("-._~", host | name); // a URL allows more in a host, but no real name uses it
    mark("[]:", host);
    mark("0123456789ABCDEFabcdef", hex);
    for (int c = 0x21; c < 0x7f; ++c) table[static_cast<std::size_t>(c)] |= target | value;
    table['#'] &= static_cast<std::uint8_t>(~target); // a fragment is never sent
    table[' '] |= value;
    table['\t'] |= value;
    for (std::size_t c = 0x80; c < 256; ++c) table[c] |= value; // obs-text
    for (std::size_t c = 1; c < 256; ++c)
        if (c != '\r' && c != '\n') table[c] |= line;
    return table;
}

inline constexpr auto table = make_table();

constexpr bool is(char c, CharClass wanted) { return table[static_cast<unsigned char>(c)] & wanted; }

} // namespace detail

constexpr bool is_token(char c) { return detail::is(c, detail::token); }
constexpr bool is_target(char c) { return detail::is(c, detail::target); }
constexpr bool is_value(char c) { return detail::is(c, detail::value); }
constexpr bool is_line(char c) { return detail::is(c, detail::line); } // any byte but NUL, CR and LF
constexpr bool is_hex(char c) { return detail::is(c, detail::hex); }
constexpr bool is_host(char c) { return detail::is(c, detail::host); } // of a name, or of an IPv6 address in brackets
constexpr bool is_name(char c) { return detail::is(c, detail::name); } // of a host that is not in brackets
constexpr bool is_plain(char c) {
    return detail::is(c, detail::plain);
} // fold_name() changes no such byte except in case
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }
constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
// Folds a byte of a field name as CGI variables do (RFC 3875 section 4.1.18): case and word separators are lost.
// Servers differ in which characters count as separators, so all of them do here.
constexpr char fold_name(char c) {
    const char lower = to_lower(c);
    return is_digit(lower) || (lower >= 'a' && lower <= 'z') ? lower : '-';
}
constexpr unsigned hex_value(char c) { return static_cast<unsigned>(is_digit(c) ? c - '0' : to_lower(c) - 'a' + 10); }

// Compares ASCII text case-insensitively. `lower` must be in lower case.
constexpr bool same_word(std::string_view word, std::string_view lower) {
    if (word.size() != lower.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i)
        if (to_lower(word[i]) != lower[i]) return false;
    return true;
}

// Compares case-insensitively; both sides may be in any case.
constexpr bool same_name(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (to_lower(a[i]) != to_lower(b[i])) return false;
    return true;
}

// Returns true if CGI and WSGI backends read both as the same name.
constexpr bool is_alias(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (fold_name(a[i]) != fold_name(b[i])) return false;
    return true;
}

constexpr std::string_view trim(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

// Calls `each` with every element of a comma-separated list (RFC 9110 section 5.6.1) except empty ones.
template <class F> constexpr void for_each_element(std::string_view list, F each) {
    while (!list.empty()) {
        const auto comma = list.find(',');
        if (const auto element = trim(list.substr(0, comma)); !element.empty()) each(element);
        if (comma == std::string_view::npos) return;
        list.remove_prefix(comma + 1);
    }
}

} // namespace weir::proxy::http
