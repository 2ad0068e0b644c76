#include "proxy/log/access_line.h"

#include <charconv>
#include <cstring>
#include <ctime>

namespace weir::proxy::log {
namespace {

constexpr std::string_view hex = "0123456789abcdef";
constexpr std::ptrdiff_t longest_text = 1200; // of one text from outside with its escapes: six of them fit a line

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
    // A text from outside, for a quoted place: nothing in it can end the quotation or the line.
    Line& escaped(std::string_view text, std::string_view escape) {
        const char* const limit = at_ + longest_text;
        for (const char c : text) {
            if (limit - at_ < 6) break;
            const auto byte = static_cast<unsigned char>(c);
            if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
                put({&c, 1});
            } else {
                const char code[2] = {hex[byte >> 4], hex[byte & 15]};
                put(escape).put({code, 2});
            }
        }
        return *this;
    }
    Line& or_dash(std::string_view text) { return text.empty() ? put("-") : escaped(text, "\\x"); }
    Line& json(std::string_view key, std::string_view text) {
        return put(",\"").put(key).put("\":\"").escaped(text, "\\u00").put("\"");
    }
    Line& json(std::string_view key, std::uint64_t number) { return put(",\"").put(key).put("\":").put(number); }
    std::size_t finish() {
        *at_++ = '\n';
        return static_cast<std::size_t>(at_ - start_);
    }

private:
    char *at_, *start_, *end_;
};

void write_combined(Line& line, const AccessRecord& r, const LineClock& clock) {
    line.put(r.client).put(" - - [").put(clock.combined()).put("] \"");
    if (r.method.empty()) line.put("-");
    else
        line.escaped(r.method, "\\x")
            .put(" ")
            .escaped(r.target, "\\x")
            .put(r.minor_version ? " HTTP/1.1" : " HTTP/1.0");
    line.put("\" ").put(static_cast<std::uint64_t>(r.status)).put(" ").put(r.bytes);
    line.put(" \"").or_dash(r.referer).put("\" \"").or_dash(r.user_agent).put("\"");
}

void write_json(Line& line, const AccessRecord& r, const LineClock& clock) {
    line.put("{\"time\":\"").put(clock.iso()).put("\"").json("client", r.client);
    line.json("method", r.method).json("host", r.host).json("target", r.target);
    line.json("status", static_cast<std::uint64_t>(r.status)).json("bytes", r.bytes);
    line.json("duration_us", static_cast<std::uint64_t>(r.took.count()));
    line.json("listener", r.listener).json("pool", r.pool).json("backend", r.backend).json("retries", r.retries);
    line.json("referer", r.referer).json("user_agent", r.user_agent).put("}");
}

} // namespace

void LineClock::update(std::chrono::system_clock::time_point now) {
    const auto second = std::chrono::system_clock::to_time_t(now);
    if (second == second_) return;
    second_ = second;
    std::tm utc{};
    ::gmtime_r(&second, &utc);
    std::strftime(combined_, sizeof combined_, "%d/%b/%Y:%H:%M:%S +0000", &utc);
    std::strftime(iso_, sizeof iso_, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

std::size_t format_line(std::span<char> out, const AccessRecord& record, const LineClock& clock,
                        conf::AccessFormat format) {
    Line line(out);
    if (format == conf::AccessFormat::json) write_json(line, record, clock);
    else write_combined(line, record, clock);
    return line.finish();
}

} // namespace weir::proxy::log
