#include "proxy/auth/basic_credentials.h"

#include <algorithm>
#include <utility>

#include <openssl/evp.h>

namespace weir::proxy::auth {
namespace {

constexpr std::string_view scheme = "basic ";

char to_lower_case(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_base64(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

// Decodes base64 (RFC 4648 section 4), with its padding. OpenSSL would also accept surrounding blanks.
std::optional<std::string> decode(std::string_view text) {
    const auto padding = text.ends_with("==") ? 2u : text.ends_with('=') ? 1u : 0u;
    const auto digits = text.substr(0, text.size() - padding);
    if (text.empty() || text.size() % 4 != 0 || !std::all_of(digits.begin(), digits.end(), is_base64))
        return std::nullopt;
    std::string out(text.size() / 4 * 3, '\0');
    const auto size =
        ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                          reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    if (size < 0) return std::nullopt;
    out.resize(out.size() - padding);
    return out;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

} // namespace

std::optional<BasicCredentials> parse_basic(std::string_view value) {
    const auto same = [](char a, char b) { return to_lower_case(a) == b; };
    if (value.size() < scheme.size() ||
        !std::equal(scheme.begin(), scheme.end(), value.begin(), [&](char b, char a) { return same(a, b); }))
        return std::nullopt;
    value.remove_prefix(scheme.size());
    while (value.starts_with(' ')) value.remove_prefix(1);
    const auto text = decode(value);
    if (!text || std::any_of(text->begin(), text->end(), is_control)) return std::nullopt;
    const auto colon = text->find(':');
    if (colon == std::string::npos) return std::nullopt;
    return BasicCredentials{text->substr(0, colon), text->substr(colon + 1)};
}

} // namespace weir::proxy::auth
