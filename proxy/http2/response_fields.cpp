#include "proxy/http2/response_fields.h"

#include "proxy/http1/chars.h"
#include "proxy/http2/field_lines.h"

#include <algorithm>

namespace weir::proxy::http2 {
namespace {

constexpr std::size_t version_size = 9; // "HTTP/1.1 "
constexpr std::size_t status_digits = 3;
constexpr int switching_protocols = 101;

// Returns false for the fields of a WebSocket handshake, which an extended CONNECT does without.
bool passes_with_connect(std::string_view name, std::string_view value) {
    return passes_between_connections(name, value) && name != "sec-websocket-accept";
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
    const std::string_view rest(head.data(), head.size());
    const int status = status_of_head(rest);
    if (status == 0) return 0;
    const bool is_connected = status == switching_protocols;
    fields.push_back(make_field(":status", is_connected ? "200" : rest.substr(version_size, status_digits)));
    const auto line_end = rest.find("\r\n");
    if (line_end != std::string_view::npos)
        read_field_lines(head.subspan(line_end + 2), is_connected ? passes_with_connect : passes_between_connections,
                         fields);
    return is_connected ? 200 : status;
}

} // namespace weir::proxy::http2
