// A field section of an HTTP/2 request: a plain reading of the RFCs decides whether it is legal, and RequestText
// accepts it exactly then. Its text is one HTTP/1.1 request with the same method, path, authority, fields and framing.
#include "proxy/http1/framing.h"
#include "proxy/http2/request_text.h"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace weir::proxy;
using http2::EndStream;

namespace {

using FieldLine = std::pair<std::string, std::string>;
using Section = std::vector<FieldLine>;

const std::string own_key = "dGhlIHNhbXBsZSBub25jZQ==";

void require(bool is_so) {
    if (!is_so) std::abort();
}

// Reads a name, which is a byte for a common one or has a length, and a value with a length, until the input ends.
Section read_section(std::string_view input) {
    static const std::vector<std::string> common{":method",
                                                 ":scheme",
                                                 ":authority",
                                                 ":path",
                                                 ":protocol",
                                                 "host",
                                                 "content-length",
                                                 "cookie",
                                                 "te",
                                                 "upgrade",
                                                 "trailer",
                                                 "accept",
                                                 "transfer-encoding",
                                                 "connection",
                                                 "keep-alive",
                                                 "expect",
                                                 "proxy-connection",
                                                 "http2-settings",
                                                 "sec-websocket-key",
                                                 ":status",
                                                 "transfer_encoding"};
    constexpr unsigned first_common = 128;
    const auto take = [&](std::size_t size) {
        const std::string taken(input.substr(0, size));
        input.remove_prefix(taken.size());
        return taken;
    };
    Section section;
    while (!input.empty()) {
        const auto code = static_cast<unsigned char>(take(1)[0]);
        auto name = code < first_common ? take(code) : common[(code - first_common) % common.size()];
        const auto size = input.empty() ? std::size_t{0} : static_cast<unsigned char>(take(1)[0]);
        section.emplace_back(std::move(name), take(size));
    }
    return section;
}

constexpr std::string_view digits = "0123456789", lower = "abcdefghijklmnopqrstuvwxyz",
                           upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", marks = "!#$%&'*+-.^_`|~";

bool consists_of(std::string_view text, std::initializer_list<std::string_view> sets) {
    for (const char c : text) {
        bool found = false;
        for (const auto set : sets) found = found || set.find(c) != std::string_view::npos;
        if (!found) return false;
    }
    return !text.empty();
}

std::string lowered(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

// What the section asks for, by its own words.
struct Reading {
    std::string method, scheme, authority, path, protocol, host, length;
    Section fields; // as the text has them, without Host and what weir adds
    std::string cookie;
    bool is_legal = true, has_cookie = false;

    bool is_websocket() const { return method == "CONNECT" && lowered(protocol) == "websocket"; }
};

bool is_value(const std::string& value) {
    for (const char c : value)
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return false;
    return value.empty() || (value.find_first_of(" \t") != 0 && value.find_last_of(" \t") != value.size() - 1);
}

bool is_host(const std::string& text) { return consists_of(text, {digits, lower, upper, "-._~[]:"}); }

void read_pseudo_field(Reading& reading, const std::string& name, const std::string& value) {
    std::string* place = name == ":method"      ? &reading.method
                         : name == ":scheme"    ? &reading.scheme
                         : name == ":authority" ? &reading.authority
                         : name == ":path"      ? &reading.path
                         : name == ":protocol"  ? &reading.protocol
                                                : nullptr;
    if (!place || !place->empty() || value.empty()) reading.is_legal = false;
    else *place = value;
}

void read_field(Reading& reading, const std::string& name, const std::string& value) {
    for (const std::string banned :
         {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "http2-settings"})
        if (name == banned) reading.is_legal = false;
    if (!consists_of(name, {digits, lower, marks}) || !is_value(value)) reading.is_legal = false;
    if (name == "te" && value != "trailers") reading.is_legal = false;
    if (name == "host") {
        if (!reading.host.empty() || !is_host(value)) reading.is_legal = false;
        reading.host = value;
    } else if (name == "cookie") {
        reading.has_cookie = true;
        if (!value.empty()) reading.cookie += (reading.cookie.empty() ? "" : "; ") + value;
    } else {
        if (name == "content-length") {
            if (!reading.length.empty() || !consists_of(value, {digits}) || value.size() > 18) reading.is_legal = false;
            reading.length = value;
        }
        std::string dashed;
        for (const char c : name) dashed += consists_of({&c, 1}, {digits, lower}) ? c : '-';
        if (!reading.is_websocket() || dashed != "sec-websocket-key") reading.fields.emplace_back(name, value);
    }
}

bool is_path(const std::string& path, const std::string& method) {
    if (path == "*") return method == "OPTIONS";
    for (const char c : path)
        if (c <= ' ' || c >= 0x7f || c == '#') return false; // bytes from 0x80 are one or the other
    return !path.empty() && path[0] == '/';
}

void check_whole(Reading& reading, EndStream end) {
    const bool is_tunnel = reading.method == "CONNECT" && reading.protocol.empty();
    auto& legal = reading.is_legal;
    legal = legal && consists_of(reading.method, {digits, lower, upper, marks});
    if (!reading.authority.empty()) legal = legal && is_host(reading.authority);
    else legal = legal && !reading.host.empty() && reading.method != "CONNECT";
    if (is_tunnel) {
        legal = legal && reading.scheme.empty() && reading.path.empty();
    } else {
        legal = legal && (reading.scheme == "http" || reading.scheme == "https");
        legal = legal && is_path(reading.path, reading.method);
    }
    if (!reading.protocol.empty()) {
        legal = legal && reading.method == "CONNECT" && consists_of(reading.protocol, {digits, lower, upper, marks});
        legal = legal && end == EndStream::no && reading.length.empty();
    }
    if (end == EndStream::yes) legal = legal && (reading.length.empty() || std::stoull(reading.length) == 0);
    const bool differ = !reading.host.empty() && !reading.authority.empty() && reading.host != reading.authority;
    if (reading.path == "*" && differ) legal = false;
}

Reading read(const Section& section, EndStream end) {
    Reading reading;
    bool has_field = false;
    for (const auto& [name, value] : section) {
        const bool is_pseudo = !name.empty() && name[0] == ':';
        if (is_pseudo && has_field) reading.is_legal = false;
        has_field = has_field || !is_pseudo;
        if (is_pseudo) read_pseudo_field(reading, name, value);
        else read_field(reading, name, value);
        if (!reading.is_legal) return reading;
    }
    check_whole(reading, end);
    return reading;
}

// Splits an authority into its host as it is compared and its port. Returns false if it is illegal.
bool split(const std::string& authority, const std::string& scheme, std::string& host, unsigned long& port) {
    const auto bracket = authority.find(']');
    const auto colon = authority.find(':', authority[0] == '[' ? std::min(bracket, authority.size()) : 0);
    host = lowered(authority.substr(0, colon));
    if (host.empty() || authority.size() > 255) return false;
    if (host[0] == '[' ? host.back() != ']' : host.find_first_of("[]") != std::string::npos) return false;
    if (host[0] == '[' && bracket + 1 != host.size()) return false;
    if (host.size() > 1 && host.back() == '.') host.pop_back();
    const auto text = colon == std::string::npos ? "" : authority.substr(colon + 1);
    if (text.size() > 5 || (!text.empty() && !consists_of(text, {digits}))) return false;
    port = !text.empty() ? std::stoul(text) : scheme == "https" ? 443 : 80;
    return true;
}

bool is_authority_legal(const Reading& reading) {
    std::string host, other;
    unsigned long port = 0, other_port = 0;
    if (!reading.authority.empty() && !split(reading.authority, reading.scheme, host, port)) return false;
    if (!reading.host.empty() && !split(reading.host, reading.scheme, other, other_port)) return false;
    if (reading.host.empty() || reading.authority.empty() || reading.host == reading.authority) return true;
    return host == other && port == other_port;
}

Section expected_fields(const Reading& reading, EndStream end) {
    Section fields{{"Host", reading.host.empty() ? reading.authority : reading.host}};
    fields.insert(fields.end(), reading.fields.begin(), reading.fields.end());
    if (reading.has_cookie) fields.emplace_back("Cookie", reading.cookie);
    if (reading.is_websocket()) {
        fields.emplace_back("Connection", "Upgrade");
        fields.emplace_back("Upgrade", "websocket");
        fields.emplace_back("Sec-WebSocket-Key", own_key);
    } else if (end == EndStream::no && reading.length.empty()) {
        fields.emplace_back("Transfer-Encoding", "chunked");
    }
    return fields;
}

http::Framing expected_framing(const Reading& reading, EndStream end) {
    if (!reading.length.empty()) return {http::BodyKind::length, std::stoull(reading.length)};
    return {end == EndStream::no && !reading.is_websocket() ? http::BodyKind::chunked : http::BodyKind::none};
}

// Returns the code of a legal section that is refused all the same; 0 if it is to be accepted.
int expected_refusal(const Reading& reading, const Section& section, EndStream end, const http::HeadLimits& limits) {
    if (reading.method == "TRACE" || reading.method == "PRI") return 405;
    if (reading.method == "CONNECT" && reading.protocol.empty()) return 405;
    if (reading.method == "CONNECT" && !reading.is_websocket()) return 501;
    std::size_t size = 0;
    for (const auto& [name, value] : section) size += name.size() + value.size() + 32;
    return size > limits.size || expected_fields(reading, end).size() > limits.count ? 431 : 0;
}

void check_text(std::string_view text, const Reading& reading, EndStream end, const http::HeadLimits& limits) {
    http::RequestHead head;
    const auto result = http::parse_request(text, limits, head);
    if (!is_authority_legal(reading)) {
        require(result.status == http::HeadStatus::refused && result.code == 400);
        return;
    }
    require(result.status == http::HeadStatus::complete && head.length == text.size());
    require(head.method == (reading.is_websocket() ? "GET" : reading.method) && head.path == reading.path);
    require(head.authority == (reading.authority.empty() ? reading.host : reading.authority));
    const auto framed = http::request_framing(head);
    require(!framed.error && framed.framing == expected_framing(reading, end));
    Section fields;
    for (const auto& field : head.fields) fields.emplace_back(field.name, field.value);
    require(fields == expected_fields(reading, end));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto end = data[0] & 1 ? EndStream::yes : EndStream::no;
    const auto limits = data[0] & 2 ? http::HeadLimits{400, 6} : http::HeadLimits{};
    const auto section = read_section({reinterpret_cast<const char*>(data) + 1, size - 1});
    const auto reading = read(section, end);

    static http2::RequestText text; // used again and again, as on a connection
    BufferPool pool(64, 1);
    Buffer out(pool);
    text.begin(limits);
    for (const auto& [name, value] : section) text.add(name, value);
    text.set_websocket_key(own_key);
    const auto result = text.finish(end, out);

    if (result.status != http::HeadStatus::complete) {
        require(result.status == http::HeadStatus::refused && result.reason[0] != '\0' && out.empty());
        require(result.code == 400 || result.code == 405 || result.code == 431 || result.code == 501);
        // What is both malformed and over a limit may be refused for either.
        if (reading.is_legal) require(result.code != 400 && expected_refusal(reading, section, end, limits) != 0);
        return 0;
    }
    require(reading.is_legal && expected_refusal(reading, section, end, limits) == 0);
    require(text.is_websocket() == reading.is_websocket());
    check_text(out.view(), reading, end, limits);
    return 0;
}
