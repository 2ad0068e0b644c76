#include "proxy/http2/websocket_handshake.h"

#include "proxy/http1/chars.h"
#include "proxy/http1/head.h"
#include "proxy/http2/response_fields.h"

#include <algorithm>
#include <array>

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

namespace weir::proxy::http2 {

std::string make_websocket_key() {
    unsigned char bytes[16];
    RAND_bytes(bytes, sizeof bytes);
    unsigned char text[25];
    const int size = EVP_EncodeBlock(text, bytes, sizeof bytes);
    return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
}

std::string websocket_accept(std::string_view key) {
    constexpr std::string_view suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    constexpr std::size_t max_key_size = 64; // legal ones have 24 bytes
    if (key.size() > max_key_size) return {};
    std::array<unsigned char, max_key_size + suffix.size()> text;
    std::copy(suffix.begin(), suffix.end(), std::copy(key.begin(), key.end(), text.begin()));
    std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
    SHA1(text.data(), key.size() + suffix.size(), digest.data());
    std::array<unsigned char, 4 * ((SHA_DIGEST_LENGTH + 2) / 3) + 1> base64;
    const auto size = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest.size()));
    return {reinterpret_cast<const char*>(base64.data()), static_cast<std::size_t>(size)};
}

bool accepts_websocket(std::string_view key, std::string_view accept) {
    return !accept.empty() && accept == websocket_accept(key);
}

bool may_answer_websocket(std::string_view head, std::string_view key) {
    constexpr int switching_protocols = 101;
    const int status = status_of_head(head);
    if (status != switching_protocols) return status >= 300;
    http::ResponseHead parsed;
    if (http::parse_response(head, {head.size(), http::max_field_count}, parsed).status != http::HeadStatus::complete)
        return false;
    for (const auto& field : parsed.fields)
        if (http::same_word(field.name, "sec-websocket-accept")) return accepts_websocket(key, field.value);
    return false;
}

} // namespace weir::proxy::http2
