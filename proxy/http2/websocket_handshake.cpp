#include "proxy/http2/websocket_handshake.h"

#include "proxy/http1/chars.h"
#include "proxy/http1/head.h"
#include "proxy/http2/response_fields.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

namespace weir::proxy::http2 {

std::string make_websocket_key() {
    unsigned char bytes[16];
    RAND_bytes(bytes, sizeof bytes);
    unsigned char text[25];
    const int size = EVP_EncodeBlock(text, bytes, sizeof bytes);
    return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
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
