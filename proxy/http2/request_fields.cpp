#include "proxy/http2/request_fields.h"

#include "proxy/http1/chars.h"
#include "proxy/http2/field_lines.h"

#include <algorithm>

namespace weir::proxy::http2 {
namespace {

constexpr std::size_t short_cookie = 20; // bytes: could be guessed, one after the other

struct RequestLine {
    std::string_view method, path;
};

// Splits a line that weir has written: "METHOD path HTTP/1.1".
RequestLine split(std::string_view line) {
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) return {};
    return {line.substr(0, first), line.substr(first + 1, last - first - 1)};
}

std::string_view name_of(const nghttp2_nv& field) { return {reinterpret_cast<const char*>(field.name), field.namelen}; }

// Returns the value of the first line of this name, which weir has written as it is here; empty if there is none.
std::string_view find_line(std::string_view lines, std::string_view start) {
    const auto at = lines.find(start);
    if (at == std::string_view::npos) return {};
    const auto value = lines.substr(at + start.size());
    return value.substr(0, value.find("\r\n"));
}

bool passes_in_request(std::string_view name, std::string_view value) {
    if (name == "te") return value == "trailers"; // RFC 9113 section 8.2.2
    return name != "host" && passes_between_connections(name, value);
}

bool passes_in_connect(std::string_view name, std::string_view value) {
    return name != "sec-websocket-key" && name != "content-length" && passes_in_request(name, value);
}

bool is_secret(const nghttp2_nv& field) {
    const auto name = name_of(field);
    return name == "authorization" || name == "proxy-authorization" ||
           (name == "cookie" && field.valuelen < short_cookie);
}

} // namespace

RequestFields read_request_fields(std::span<char> head, std::string_view scheme, std::vector<nghttp2_nv>& fields) {
    fields.clear();
    const std::string_view text(head.data(), head.size());
    const auto line_end = text.find("\r\n");
    if (line_end == std::string_view::npos) return {};
    const auto line = split(text.substr(0, line_end));
    if (line.method.empty() || line.path.empty()) return {};
    // Names are found before they change to lower case.
    const auto authority = find_line(text, "\r\nHost: ");
    RequestFields result{RequestForm::plain};
    if (http::same_word(find_line(text, "\r\nUpgrade: "), "websocket")) result.form = RequestForm::websocket;
    const bool connects = result.form == RequestForm::websocket;
    fields.push_back(make_field(":method", connects ? "CONNECT" : line.method));
    if (connects) fields.push_back(make_field(":protocol", "websocket"));
    fields.push_back(make_field(":scheme", scheme));
    if (!authority.empty()) fields.push_back(make_field(":authority", authority));
    fields.push_back(make_field(":path", line.path));
    read_field_lines(head.subspan(line_end + 2), connects ? passes_in_connect : passes_in_request, fields);
    for (auto& field : fields)
        if (is_secret(field)) field.flags = NGHTTP2_NV_FLAG_NO_INDEX;
    // In lower case by now.
    if (connects) result.websocket_key = find_line(text, "\r\nsec-websocket-key: ");
    return result;
}

} // namespace weir::proxy::http2
