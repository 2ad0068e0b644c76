#include "proxy/http2/response_fields.h"

#include "proxy/http1/chars.h"
#include "proxy/http1/fields.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include <openssl/evp.h>
#include <openssl/sha.h>

namespace weir::proxy::http2 {
namespace {

using http::FieldId;

constexpr std::size_t version_size = 9; // "HTTP/1.1 "
constexpr std::size_t status_digits = 3;
constexpr int switching_protocols = 101;

nghttp2_nv make_field(std::string_view name, std::string_view value) {
    // The library does not change the bytes.
    const auto bytes = [](std::string_view text) {
        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    };
    return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

// Returns true if the field is left out. `status` is that of the head.
bool is_left_out(std::string_view name, int status) {
    switch (http::identify(name)) {
    case FieldId::connection:
    case FieldId::keep_alive:
    case FieldId::proxy_connection:
    case FieldId::transfer_encoding:
    case FieldId::upgrade:
    case FieldId::te:
    case FieldId::http2_settings: return true;
    case FieldId::other: return status == switching_protocols && name == "sec-websocket-accept";
    default: return false;
    }
}

// Appends the field of a line. `name_bytes` are the bytes of the line's start, which are changed.
void add_line(char* name_bytes, std::string_view line, int status, std::vector<nghttp2_nv>& fields) {
    const auto colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos) return;
    std::transform(name_bytes, name_bytes + colon, name_bytes, http::to_lower);
    const auto name = line.substr(0, colon);
    if (!is_left_out(name, status)) fields.push_back(make_field(name, http::trim(line.substr(colon + 1))));
}

} // namespace

int status_of_head(std::string_view head) {
    if (!head.starts_with("HTTP/1.") || head.size() < version_size + status_digits) return 0;
    int status = 0;
    for (const char c : head.substr(version_size, status_digits)) {
        if (!http::is_digit(c)) return 0;
        status = status * 10 + (c - '0');
    }
    return status >= 100 ? status : 0;
}

int read_response_fields(std::span<char> head, std::vector<nghttp2_nv>& fields) {
    fields.clear();
    std::string_view rest(head.data(), head.size());
    const int status = status_of_head(rest);
    if (status == 0) return 0;
    const bool is_connected = status == switching_protocols;
    fields.push_back(make_field(":status", is_connected ? "200" : rest.substr(version_size, status_digits)));
    rest.remove_prefix(std::min(rest.find("\r\n"), rest.size()));
    while (rest.starts_with("\r\n")) {
        rest.remove_prefix(2);
        const auto line = rest.substr(0, rest.find("\r\n"));
        if (line.empty() || line.size() == rest.size()) break; // the empty line, or a line that does not end
        add_line(head.data() + (line.data() - head.data()), line, status, fields);
        rest.remove_prefix(line.size());
    }
    return is_connected ? 200 : status;
}

bool accepts_websocket(std::string_view key, std::string_view accept) {
    constexpr std::string_view suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    constexpr std::size_t max_key_size = 64; // weir's are 24 bytes
    if (key.size() > max_key_size) return false;
    std::array<unsigned char, max_key_size + suffix.size()> text;
    std::copy(suffix.begin(), suffix.end(), std::copy(key.begin(), key.end(), text.begin()));
    std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
    SHA1(text.data(), key.size() + suffix.size(), digest.data());
    std::array<unsigned char, 4 * ((SHA_DIGEST_LENGTH + 2) / 3) + 1> base64;
    const auto size = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest.size()));
    return accept == std::string_view(reinterpret_cast<const char*>(base64.data()), static_cast<std::size_t>(size));
}

} // namespace weir::proxy::http2
