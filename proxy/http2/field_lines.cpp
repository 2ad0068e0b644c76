#include "proxy/http2/field_lines.h"

#include "proxy/http1/chars.h"
#include "proxy/http1/fields.h"

#include <algorithm>
#include <cstdint>

namespace weir::proxy::http2 {

nghttp2_nv make_field(std::string_view name, std::string_view value) {
    // The library does not change the bytes.
    const auto bytes = [](std::string_view text) {
        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    };
    return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

bool passes_between_connections(std::string_view name, std::string_view) {
    using http::FieldId;
    switch (http::identify(name)) {
    case FieldId::connection:
    case FieldId::keep_alive:
    case FieldId::proxy_connection:
    case FieldId::transfer_encoding:
    case FieldId::upgrade:
    case FieldId::http2_settings:
    case FieldId::te: return false;
    default: return true;
    }
}

void read_field_lines(std::span<char> lines, FieldFilter passes, std::vector<nghttp2_nv>& fields) {
    std::string_view rest(lines.data(), lines.size());
    while (!rest.empty()) {
        const auto line = rest.substr(0, rest.find("\r\n"));
        if (line.empty() || line.size() == rest.size()) return;
        char* const start = lines.data() + (line.data() - lines.data());
        rest.remove_prefix(line.size() + 2);
        const auto colon = line.find(':');
        if (colon == 0 || colon == std::string_view::npos) continue;
        std::transform(start, start + colon, start, http::to_lower);
        const auto name = line.substr(0, colon);
        const auto value = http::trim(line.substr(colon + 1));
        if (passes(name, value)) fields.push_back(make_field(name, value));
    }
}

void add_field_line(std::string& lines, std::string_view name, std::string_view value) {
    const auto at = lines.size();
    lines.resize(at + name.size() + value.size() + 4);
    char* end = std::copy(name.begin(), name.end(), lines.data() + at);
    *end++ = ':', *end++ = ' ';
    end = std::copy(value.begin(), value.end(), end);
    *end++ = '\r', *end++ = '\n';
}

} // namespace weir::proxy::http2
