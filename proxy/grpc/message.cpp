#include "proxy/grpc/message.h"

namespace weir::proxy::grpc {
namespace {

constexpr std::size_t longest_message = 1024; // bytes of the text

} // namespace

std::string encode_message(std::string_view text) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text.substr(0, longest_message)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f && c != '%') encoded += c;
        else encoded.append({'%', hex[byte >> 4], hex[byte & 15]});
    }
    // A field's value neither begins nor ends with a space.
    if (encoded.starts_with(' ')) encoded.replace(0, 1, "%20");
    if (encoded.ends_with(' ')) encoded.replace(encoded.size() - 1, 1, "%20");
    return encoded;
}

} // namespace weir::proxy::grpc
