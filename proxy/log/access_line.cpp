#include "proxy/log/access_line.h"

#include "proxy/log/utf8.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <ctime>

namespace weir::proxy::log {
namespace {

constexpr std::string_view hex = "0123456789abcdef";
// Limits of one text with its escapes, so that five texts from outside and the names of the configuration fit a line.
constexpr std::ptrdiff_t longest_text = 1200, longest_name = 200;
constexpr std::string_view replacement = "\xef\xbf\xbd"; // U+FFFD

// The length of the longest escape: \x00 in a quoted text, \u0000 in JSON.
constexpr std::ptrdiff_t longest_code = 4, longest_json_code = 6;

// The bytes that need no escape.
constexpr auto plain_bytes = [] {
    std::array<bool, 256> table{};
    for (std::size_t c = 0x20; c < 0x7f; ++c) table[c] = c != '"' && c != '\\';
    return table;
}();

// Returns the number of bytes at the front that need no escape, up to `most`.
std::size_t plain_length(std::string_view text, std::size_t most) {
    const auto end = std::min(text.size(), most);
    std::size_t length = 0;
    while (length < end && plain_bytes[static_cast<unsigned char>(text[length])]) ++length;
    return length;
}

class Line {
public:
    explicit Line(std::span<char> out) : at_(out.data()), start_(out.data()), end_(out.data() + out.size() - 1) {}

    Line& put(std::string_view text) {
        const auto size = std::min(text.size(), static_cast<std::size_t>(end_ - at_));
        if (size > 0) std::memcpy(at_, text.data(), size);
        at_ += size;
        return *this;
    }
    Line& put(std::uint64_t number) {
        char digits[20];
        return put(
            {digits, static_cast<std::size_t>(std::to_chars(digits, digits + sizeof digits, number).ptr - digits)});
    }
    // Puts a text from outside between quotes: nothing in it can end the quotation or the line.
    Line& quoted(std::string_view text) {
        const char* const limit = at_ + longest_text - longest_code + 1;
        while (!text.empty() && at_ < limit) {
            if (put_plain(text, limit)) continue;
            put_code("\\x", static_cast<unsigned char>(text[0]));
            text.remove_prefix(1);
        }
        return *this;
    }
    Line& or_dash(std::string_view text) { return text.empty() ? put("-") : quoted(text); }
    Line& json(std::string_view key, std::string_view text, std::ptrdiff_t longest = longest_text) {
        return put(",\"").put(key).put("\":\"").json_text(text, longest).put("\"");
    }
    Line& json(std::string_view key, std::uint64_t number) { return put(",\"").put(key).put("\":").put(number); }
    // Puts a duration in milliseconds, with microseconds as decimals.
    Line& json(std::string_view key, std::optional<Microseconds> duration) {
        put(",\"").put(key).put("\":");
        if (!duration) return put("null");
        const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(duration->count(), 0));
        const char rest[] = {'.', digit(us / 100), digit(us / 10), digit(us)};
        return put(us / 1000).put({rest, sizeof rest});
    }
    std::size_t finish() {
        *at_++ = '\n';
        return static_cast<std::size_t>(at_ - start_);
    }

private:
    // Moves the bytes at the front of `text` that need no escape into the line, up to `limit`. Returns false if there
    // are none.
    bool put_plain(std::string_view& text, const char* limit) {
        const auto length = plain_length(text, static_cast<std::size_t>(limit - at_));
        put(text.substr(0, length));
        text.remove_prefix(length);
        return length > 0;
    }
    static char digit(std::uint64_t number) { return static_cast<char>('0' + number % 10); }
    void put_code(std::string_view escape, unsigned char byte) {
        const char code[2] = {hex[byte >> 4], hex[byte & 15]};
        put(escape).put({code, 2});
    }
    // Puts a JSON string (RFC 8259 section 7): UTF-8 is unchanged, other bytes become U+FFFD.
    Line& json_text(std::string_view text, std::ptrdiff_t longest) {
        const char* const limit = at_ + longest - longest_json_code + 1;
        while (!text.empty() && at_ < limit) {
            if (put_plain(text, limit)) continue;
            const auto byte = static_cast<unsigned char>(text[0]);
            const auto length = utf8_length(text);
            const bool control = length == 2 && byte == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
            if (length == 0) put(replacement);
            else if (control) put_code("\\u00", static_cast<unsigned char>(text[1]));
            else if (length == 1) put_code("\\u00", byte);
            else put(text.substr(0, length));
            text.remove_prefix(std::max<std::size_t>(length, 1));
        }
        return *this;
    }

    char *at_, *start_, *end_;
};

// Returns the version in digits, as other servers log it; empty if it is unknown.
std::string_view digits_of(conf::HttpVersion version) {
    switch (version) {
    case conf::HttpVersion::http1_0: return "1.0";
    case conf::HttpVersion::http1_1: return "1.1";
    case conf::HttpVersion::http2: return "2.0";
    case conf::HttpVersion::none: break;
    }
    return "";
}

// Writes the request line, or the nearest thing to it if there was no HTTP request.
void write_request_line(Line& line, const AccessRecord& r) {
    if (r.protocol == conf::Protocol::tcp) line.put("TCP ").quoted(r.path.listener);
    else if (r.request.method.empty()) line.or_dash(r.request.target);
    else line.quoted(r.request.method).put(" ").quoted(r.request.target);
    const auto version = digits_of(r.request.version);
    if (!r.request.method.empty() && !version.empty()) line.put(" HTTP/").put(version);
}

void write_combined(Line& line, const AccessRecord& r, const LineClock& clock) {
    line.put(r.client).put(" - ").or_dash(r.user).put(" [").put(clock.combined()).put("] \"");
    write_request_line(line, r);
    line.put("\" ").put(static_cast<std::uint64_t>(r.status)).put(" ");
    if (r.bytes.body) line.put(r.bytes.body);
    else line.put("-");
    line.put(" \"").or_dash(r.request.referer).put("\" \"").or_dash(r.request.user_agent).put("\" ");
    line.put(r.failure ? word_of(r.failure.reason) : "-");
}

void write_json(Line& line, const AccessRecord& r, const LineClock& clock) {
    const bool http = r.protocol == conf::Protocol::http;
    line.put("{\"time\":\"").put(clock.iso()).put("\"").json("client", r.client).json("peer", r.peer);
    if (!r.user.empty()) line.json("user", r.user, longest_name);
    line.json("protocol", http ? "http" : "tcp");
    if (http) line.json("http_version", digits_of(r.request.version));
    if (!r.tls.version.empty()) line.json("tls_version", r.tls.version).json("tls_cipher", r.tls.cipher);
    if (!r.ids.request.empty()) line.json("request_id", r.ids.request, longest_name);
    if (!r.ids.trace.empty()) line.json("trace_id", r.ids.trace, longest_name);
    if (http) line.json("method", r.request.method).json("host", r.request.host).json("target", r.request.target);
    line.json("status", static_cast<std::uint64_t>(r.status));
    if (r.grpc_status) line.json("grpc_status", static_cast<std::uint64_t>(*r.grpc_status));
    line.json("reason", r.failure ? word_of(r.failure.reason) : std::string_view());
    if (r.failure) line.json("detail", r.failure.detail, longest_name);
    line.json("bytes", r.bytes.sent).json("body_bytes", r.bytes.body).json("received_bytes", r.bytes.received);
    line.json("connect_ms", r.durations.connect).json("first_byte_ms", r.durations.first_byte);
    line.json("duration_ms", std::optional(r.durations.took));
    line.json("listener", r.path.listener, longest_name).json("route", r.path.route, longest_name);
    line.json("pool", r.path.pool, longest_name)
        .json("backend", r.path.backend, longest_name)
        .json("retries", r.retries);
    if (http) line.json("referer", r.request.referer).json("user_agent", r.request.user_agent);
    line.put("}");
}

} // namespace

void LineClock::update(std::chrono::system_clock::time_point now) {
    const auto second = std::chrono::system_clock::to_time_t(now);
    const auto since = now - std::chrono::system_clock::from_time_t(second);
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
    if (second != second_) {
        second_ = second;
        std::tm utc{};
        ::gmtime_r(&second, &utc);
        std::strftime(combined_, sizeof combined_, "%d/%b/%Y:%H:%M:%S +0000", &utc);
        std::strftime(iso_, sizeof iso_, "%Y-%m-%dT%H:%M:%S.000Z", &utc);
    }
    iso_[20] = static_cast<char>('0' + ms / 100 % 10);
    iso_[21] = static_cast<char>('0' + ms / 10 % 10);
    iso_[22] = static_cast<char>('0' + ms % 10);
}

std::size_t format_line(std::span<char> out, const AccessRecord& record, const LineClock& clock,
                        conf::AccessFormat format) {
    Line line(out);
    if (format == conf::AccessFormat::json) write_json(line, record, clock);
    else write_combined(line, record, clock);
    return line.finish();
}

} // namespace weir::proxy::log
