#include "conf/model/url_path.h"

#include "conf/model/percent_encoding.h"

#include <algorithm>
#include <array>

namespace weir::conf {
namespace {

enum class CharClass : unsigned char {
    other,
    unreserved,
    delimiter
}; // delimiter: plain and encoded mean the same here

// RFC 3986 sections 2.3 and 3.3. The semicolon begins the parameters of a segment: encoded, it is a part of its name.
constexpr auto char_classes = [] {
    std::array<CharClass, 256> table{};
    for (int c = 0; c < 256; ++c) {
        const auto at = static_cast<std::size_t>(c);
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
            table[at] = CharClass::unreserved;
    }
    for (const char c : std::string_view("-._~")) table[static_cast<unsigned char>(c)] = CharClass::unreserved;
    for (const char c : std::string_view("!$&'()*+,=:@")) table[static_cast<unsigned char>(c)] = CharClass::delimiter;
    return table;
}();

CharClass class_of(char c) { return char_classes[static_cast<unsigned char>(c)]; }

constexpr const char* encoded_slash = "an encoded slash or a backslash in the path";

// Appends a segment as it is forwarded. Returns the reason for refusing it, or null.
const char* append_segment(std::string& out, std::string_view segment, EncodedSlashes slashes) {
    while (!segment.empty()) {
        const char c = segment.front();
        if (c == '\\' && slashes == EncodedSlashes::refused) return encoded_slash;
        if (c != '%') {
            out += c;
            segment.remove_prefix(1);
            continue;
        }
        const int decoded = take_encoded(segment);
        if (decoded < 0) return "an invalid percent-encoding in the path";
        if (decoded == 0) return "an encoded NUL in the path";
        const auto byte = static_cast<char>(decoded);
        if ((byte == '/' || byte == '\\') && slashes == EncodedSlashes::refused) return encoded_slash;
        if (class_of(byte) == CharClass::unreserved) out += byte;
        else put_encoded(out, byte);
    }
    return nullptr;
}

bool is_dots(std::string_view name) { return name == "." || name == ".."; }

// Returns the position of the first slash or backslash that is a part of a segment; its size if there is none.
std::size_t find_kept_slash(std::string_view segment) {
    return std::min({segment.find('\\'), segment.find("%2F"), segment.find("%5C"), segment.size()});
}

// Returns the problem of a segment in which a backend that decodes slashes or semicolons, or removes parameters, would
// find something else than routes do; null if there is none.
const char* find_hidden(std::string_view segment) {
    const auto parameters = std::min(segment.find(';'), segment.size());
    if (find_kept_slash(segment.substr(parameters)) < segment.size() - parameters)
        return "an encoded slash or a backslash in the parameters of the path";
    while (true) {
        const auto end = find_kept_slash(segment);
        const auto part = segment.substr(0, end);
        if (is_dots(part.substr(0, std::min(part.find(';'), part.find("%3B")))))
            return "a hidden dot segment in the path";
        if (end == segment.size()) return nullptr;
        segment.remove_prefix(end + (segment[end] == '%' ? 3 : 1));
    }
}

// Applies a dot segment: ".." removes the segment before it.
void resolve(std::string& out, std::string_view dots) {
    if (dots == ".." && !out.empty()) out.resize(out.rfind('/'));
}

// Appends the name of a segment as routes see it.
void append_matched(std::string& out, std::string_view name) {
    while (!name.empty()) {
        const bool encoded = name.front() == '%';
        const char c = encoded ? static_cast<char>(take_encoded(name)) : name.front();
        if (!encoded) name.remove_prefix(1);
        if (c == '/' || c == '\\') {
            if (!out.ends_with('/')) out += '/'; // a slash that is kept separates segments for routes
        } else if (class_of(c) != CharClass::other) {
            out += c;
        } else {
            put_encoded(out, c);
        }
    }
}

std::string matched_form(std::string_view forwarded) {
    std::string matched;
    matched.reserve(forwarded.size());
    while (!forwarded.empty()) {
        forwarded.remove_prefix(1);
        const auto end = std::min(forwarded.find('/'), forwarded.size());
        const auto segment = forwarded.substr(0, end);
        forwarded.remove_prefix(end);
        const auto name = segment.substr(0, segment.find(';'));
        if (name.empty() && !forwarded.empty()) continue; // nothing but parameters
        if (!matched.ends_with('/')) matched += '/';
        append_matched(matched, name);
    }
    return matched;
}

} // namespace

bool has_dot_segment(std::string_view path) {
    while (!path.empty()) {
        path.remove_prefix(1);
        const auto segment = path.substr(0, path.find('/'));
        if (find_hidden(segment)) return true;
        path.remove_prefix(segment.size());
    }
    return false;
}

bool is_normal_path(std::string_view path) {
    if (path.empty() || path.front() != '/') return false;
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (class_of(path[i]) != CharClass::other) continue;
        if (path[i] != '/') return false;
        if (i + 1 == path.size() || (path[i + 1] != '/' && path[i + 1] != '.')) continue;
        const char after = i + 2 < path.size() ? path[i + 2] : '/';
        if (path[i + 1] == '/' || after == '/' || after == '.') return false;
    }
    return true;
}

NormalPath normalize_path(std::string_view path, EncodedSlashes slashes) {
    NormalPath normal;
    auto& out = normal.forwarded;
    out.reserve(path.size());
    while (!path.empty()) {
        path.remove_prefix(1); // the slash before the segment
        const auto end = std::min(path.find('/'), path.size());
        const auto begin = out.size();
        out += '/';
        normal.problem = append_segment(out, path.substr(0, end), slashes);
        if (normal.problem) return normal;
        path.remove_prefix(end);
        const bool is_last = path.empty();
        const auto segment = std::string_view(out).substr(begin + 1);
        if (is_dots(segment)) {
            const auto dots = std::string(segment);
            out.resize(begin);
            resolve(out, dots);
            if (is_last) out += '/';
        } else if (segment.empty() && !is_last) {
            out.resize(begin);
        } else if (normal.problem = find_hidden(segment); normal.problem) {
            return normal;
        }
    }
    normal.matched = matched_form(out);
    return normal;
}

} // namespace weir::conf
