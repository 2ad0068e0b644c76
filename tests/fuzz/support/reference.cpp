#include "tests/fuzz/support/reference.h"

#include <algorithm>
#include <cctype>
#include <optional>

namespace weir::reference {
namespace {

// Clients must follow the grammar. From backends weir also accepts bytes that have only one interpretation.
enum class Sender { client, backend };

const std::string token_marks = "!#$%&'*+-.^_`|~";

bool is_token(const std::string& text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return c < 0x80 && (std::isalnum(c) || token_marks.find(static_cast<char>(c)) != std::string::npos);
    });
}

std::string lower(std::string text) {
    for (auto& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

std::vector<std::string> split(std::string_view text, std::string_view mark) {
    std::vector<std::string> parts;
    for (;;) {
        const auto at = text.find(mark);
        parts.emplace_back(text.substr(0, at));
        if (at == std::string_view::npos) return parts;
        text.remove_prefix(at + mark.size());
    }
}

bool has_illegal_bytes(const std::string& line) {
    return std::any_of(line.begin(), line.end(), [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

// Bytes that are illegal in every line, whichever side sends it.
bool has_fatal_bytes(const std::string& line) {
    return line.find_first_of(std::string("\r\n\0", 3)) != std::string::npos;
}

std::string trim(const std::string& text) {
    const auto from = text.find_first_not_of(" \t");
    return from == std::string::npos ? "" : text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

bool read_field(const std::string& line, Style style, Sender sender, Message& message) {
    const auto colon = line.find(':');
    const bool bears = style == Style::legal && sender == Sender::backend;
    if (colon == std::string::npos || (bears ? has_fatal_bytes(line) : has_illegal_bytes(line))) return false;
    const auto name = line.substr(0, colon), value = trim(line.substr(colon + 1));
    if (!is_token(name)) return false;
    if (style == Style::canonical && line != name + ": " + value) return false;
    message.fields.emplace_back(lower(name), value);
    return true;
}

// Parses everything up to the empty line.
Reading read_head(std::string_view bytes, Style style, Sender sender, Message& message) {
    const auto end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) return Reading::partial;
    const auto lines = split(bytes.substr(0, end), "\r\n");
    const bool bears = style == Style::legal && sender == Sender::backend;
    if (bears ? has_fatal_bytes(lines[0]) : has_illegal_bytes(lines[0])) return Reading::bad;
    message.first = split(lines[0], " ");
    for (std::size_t i = 1; i < lines.size(); ++i)
        if (!read_field(lines[i], style, sender, message)) return Reading::bad;
    message.length = end + 4;
    return Reading::whole;
}

std::optional<std::size_t> read_number(const std::string& text, int base) {
    const std::string digits = base == 10 ? "0123456789" : "0123456789abcdefABCDEF";
    if (text.empty() || text.size() > (base == 10 ? 18u : 15u) || text.find_first_not_of(digits) != std::string::npos)
        return std::nullopt;
    return std::stoull(text, nullptr, base);
}

// Removes `mark` from the front, with the blanks before and after it; returns false if it is not there.
bool skip_mark(std::string& rest, char mark) {
    const auto at = rest.find_first_not_of(" \t");
    if (at == std::string::npos || rest[at] != mark) return false;
    rest = rest.substr(at + 1);
    rest = rest.substr(std::min(rest.find_first_not_of(" \t"), rest.size()));
    return true;
}

bool skip_token(std::string& rest) {
    std::size_t size = 0;
    while (size < rest.size() && is_token(rest.substr(size, 1))) ++size;
    rest = rest.substr(size);
    return size > 0;
}

bool skip_quoted(std::string& rest) {
    for (std::size_t i = 1; i < rest.size(); ++i) {
        if (rest[i] == '\\') ++i;
        else if (rest[i] == '"') {
            rest = rest.substr(i + 1);
            return true;
        }
    }
    return false;
}

// Checks chunk extensions against RFC 9112 section 7.1.1.
bool is_extension(std::string rest) {
    while (!rest.empty()) {
        if (!skip_mark(rest, ';') || !skip_token(rest)) return false;
        if (!skip_mark(rest, '=')) continue;
        if (!(rest.starts_with('"') ? skip_quoted(rest) : skip_token(rest))) return false;
    }
    return true;
}

// Parses the size from the first line of a chunk, ignoring extensions; unset if the line is illegal.
std::optional<std::size_t> read_size(const std::string& line, Style style, Sender sender) {
    const auto end = std::min(line.find_first_of("; \t"), line.size());
    const auto rest = line.substr(end);
    if (style == Style::canonical && !rest.empty()) return std::nullopt;
    if (sender == Sender::client && (has_illegal_bytes(line) || !is_extension(rest))) return std::nullopt;
    if (sender == Sender::backend && (has_fatal_bytes(line) || !(trim(rest).empty() || trim(rest)[0] == ';')))
        return std::nullopt;
    return read_number(line.substr(0, end), 16);
}

Reading read_chunks(std::string_view bytes, Style style, Sender sender, Message& message) {
    for (;;) {
        const auto end = bytes.find("\r\n", message.length);
        if (end == std::string_view::npos) return Reading::partial;
        const std::string line(bytes.substr(message.length, end - message.length));
        const auto size = read_size(line, style, sender);
        if (!size) return Reading::bad;
        message.length = end + 2;
        if (*size == 0) break;
        if (bytes.size() - message.length < *size + 2) return Reading::partial;
        message.body += bytes.substr(message.length, *size);
        if (bytes.substr(message.length + *size, 2) != "\r\n") return Reading::bad;
        message.length += *size + 2;
    }
    for (;;) { // trailers
        const auto end = bytes.find("\r\n", message.length);
        if (end == std::string_view::npos) return Reading::partial;
        const std::string line(bytes.substr(message.length, end - message.length));
        message.length = end + 2;
        if (line.empty()) return Reading::whole;
        Message trailer;
        if (!read_field(line, style, sender, trailer)) return Reading::bad;
        message.trailers.push_back(trailer.fields[0]);
    }
}

enum class Without { nothing, end }; // how to read the body of a message without a length

// Merges several equal lengths from a backend into one.
bool merge_lengths(std::vector<std::string>& lengths, Sender sender) {
    if (sender == Sender::client) return lengths.size() <= 1;
    std::vector<std::string> all;
    for (const auto& line : lengths)
        for (const auto& one : split(line, ",")) all.push_back(trim(one));
    for (const auto& one : all)
        if (!read_number(one, 10) || read_number(one, 10) != read_number(all[0], 10)) return false;
    if (!all.empty()) lengths = {all[0]};
    return true;
}

Reading read_body(std::string_view bytes, Style style, Without without, Ending ending, bool old, Message& message) {
    const auto sender = without == Without::end && style == Style::legal ? Sender::backend : Sender::client;
    const auto encodings = message.all("transfer-encoding");
    auto lengths = message.all("content-length");
    if (!merge_lengths(lengths, sender) || lengths.size() + encodings.size() > 1) return Reading::bad;
    if (!encodings.empty()) {
        if (lower(encodings[0]) != "chunked" || old) return Reading::bad;
        return read_chunks(bytes, style, sender, message);
    }
    if (!lengths.empty()) {
        const auto length = read_number(lengths[0], 10);
        if (!length) return Reading::bad;
        if (bytes.size() - message.length < *length) return Reading::partial;
        message.body = bytes.substr(message.length, *length);
        message.length += *length;
        return Reading::whole;
    }
    if (without == Without::nothing) return Reading::whole;
    message.body = bytes.substr(message.length);
    message.length = bytes.size();
    message.until_close = true;
    return ending == Ending::ended ? Reading::whole : Reading::partial;
}

// Returns the name as CGI programs see it.
std::string folded(const std::string& name) {
    auto text = lower(name);
    for (auto& c : text)
        if (!std::isalnum(static_cast<unsigned char>(c))) c = '-';
    return text;
}

bool is_kept_out(const std::string& name, const Message& message) {
    const auto folded_name = folded(name);
    for (const char* const other :
         {"content-length", "transfer-encoding", "host", "connection", "te", "trailer", "upgrade", "expect", "cookie",
          "set-cookie", "authorization", "x-real-ip", "forwarded", "x-request-id", "traceparent", "location"})
        if (folded_name == other) return true;
    for (const auto& value : message.all("connection"))
        for (const auto& option : split(value, ","))
            if (folded(trim(option)) == folded_name) return true;
    return folded_name.starts_with("x-forwarded-") || folded_name.starts_with("if-");
}

// Returns a value with spaces in place of its control bytes, and without blanks around it.
std::string cleaned(std::string value) {
    for (auto& c : value)
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) c = ' ';
    return trim(value);
}

bool is_target(const std::string& text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

bool is_host(const std::string& text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return c < 0x80 &&
               (std::isalnum(c) || std::string_view("-._~[]:").find(static_cast<char>(c)) != std::string_view::npos);
    });
}

} // namespace

std::vector<std::string> Message::all(std::string_view name) const {
    std::vector<std::string> values;
    for (const auto& [key, value] : fields)
        if (key == name) values.push_back(value);
    return values;
}

bool has_legal_trailers(const Message& forwarded, const Message& original) {
    std::size_t at = 0;
    for (const auto& [name, value] : forwarded.trailers) {
        if (is_kept_out(name, original)) return false;
        const auto is_it = [&](const auto& field) { return field.first == name && cleaned(field.second) == value; };
        while (at < original.trailers.size() && !is_it(original.trailers[at])) ++at;
        if (at++ == original.trailers.size()) return false;
    }
    return true;
}

Reading read_request(std::string_view bytes, Style style, Message& message) {
    message = {};
    const std::size_t skipped = style == Style::legal && bytes.starts_with("\r\n") ? 2 : 0;
    const auto rest = bytes.substr(skipped);
    if (const auto head = read_head(rest, style, Sender::client, message); head != Reading::whole) return head;
    if (message.first.size() != 3 || !is_token(message.first[0]) || !is_target(message.first[1])) return Reading::bad;
    const bool old = message.first[2] == "HTTP/1.0";
    if (message.first[2] != "HTTP/1.1" && (!old || style == Style::canonical)) return Reading::bad;
    const auto hosts = message.all("host");
    if (hosts.size() > 1 || (hosts.empty() && (!old || style == Style::canonical))) return Reading::bad;
    if (!hosts.empty() && !is_host(hosts[0])) return Reading::bad;
    const auto body = read_body(rest, style, Without::nothing, Ending::open, old, message);
    message.length += skipped;
    message.cut = body != Reading::whole;
    return body;
}

Reading read_response(std::string_view bytes, Style style, std::string_view method, Ending ending, Message& message) {
    message = {};
    if (const auto head = read_head(bytes, style, Sender::backend, message); head != Reading::whole) return head;
    const auto& first = message.first;
    const bool old = first[0] == "HTTP/1.0";
    if (first.size() < 2 || (first[0] != "HTTP/1.1" && !old) || first[1].size() != 3) return Reading::bad;
    if (!read_number(first[1], 10) || first[1][0] < '1' || first[1][0] > '5') return Reading::bad;
    const int status = message.status();
    if (status < 200 || status == 204 || status == 304 || method == "HEAD") {
        // Two framings are an error even if the message has no body.
        auto lengths = message.all("content-length");
        const bool agree = merge_lengths(lengths, style == Style::legal ? Sender::backend : Sender::client);
        return !agree || lengths.size() + message.all("transfer-encoding").size() > 1 ? Reading::bad : Reading::whole;
    }
    return read_body(bytes, style, Without::end, ending, old, message);
}

} // namespace weir::reference
