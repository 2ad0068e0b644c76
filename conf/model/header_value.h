// The values of headers that a route sets, and the targets of redirects: text with variables, such as "{client_ip}".
//
// A variable is one of the known names in braces; any other text in braces that looks like a name is an error.
//
// Thread: pure functions.
// Lifetime: the results point into the value.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace weir::conf {

enum class HeaderVariable : std::uint8_t {
    client_ip,
    host,
    scheme,
    tls_version,
    tls_cipher,
    client_cert_subject,
    client_cert_fingerprint,
    method,
    path,
    query,
    path_and_query,
    backend,
    request_id,
};

inline constexpr std::array<std::pair<std::string_view, HeaderVariable>, 13> header_variables{{
    {"client_ip", HeaderVariable::client_ip},
    {"host", HeaderVariable::host},
    {"scheme", HeaderVariable::scheme},
    {"tls_version", HeaderVariable::tls_version},
    {"tls_cipher", HeaderVariable::tls_cipher},
    {"client_cert_subject", HeaderVariable::client_cert_subject},
    {"client_cert_fingerprint", HeaderVariable::client_cert_fingerprint},
    {"method", HeaderVariable::method},
    {"path", HeaderVariable::path},
    {"query", HeaderVariable::query},
    {"path_and_query", HeaderVariable::path_and_query},
    {"backend", HeaderVariable::backend},
    {"request_id", HeaderVariable::request_id},
}};

// A piece of a value: text, then perhaps a name in braces.
struct HeaderPiece {
    std::string_view text;
    std::string_view name; // empty: the value ends here
};

// Takes the next piece from `rest`, which must not be empty.
inline HeaderPiece take_header_piece(std::string_view& rest) {
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
    for (auto open = rest.find('{'); open != std::string_view::npos; open = rest.find('{', open + 1)) {
        const auto begin = open + 1;
        auto end = begin;
        while (end < rest.size() && is_letter(rest[end])) ++end;
        if (end == begin || end == rest.size() || rest[end] != '}') continue;
        const HeaderPiece piece{rest.substr(0, open), rest.substr(begin, end - begin)};
        rest.remove_prefix(end + 1);
        return piece;
    }
    return {std::exchange(rest, {}), {}};
}

// Returns true if a value contains a variable.
inline bool has_variable(std::string_view value, HeaderVariable wanted) {
    while (!value.empty()) {
        const auto name = take_header_piece(value).name;
        for (const auto& [known, variable] : header_variables)
            if (known == name && variable == wanted) return true;
    }
    return false;
}

// Returns the variable of this name; unset if there is none.
inline std::optional<HeaderVariable> find_header_variable(std::string_view name) {
    for (const auto& [known, variable] : header_variables)
        if (known == name) return variable;
    return std::nullopt;
}

} // namespace weir::conf
