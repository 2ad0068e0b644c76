// Paths of URLs: the normal form is stable, another spelling of a path has the same form, and a backend that decodes
// what it gets finds the path that routes have matched.
#include "conf/model/url_path.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace weir::conf;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

int hex(char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; }

// Decodes everything, as a backend does that knows no better.
std::string decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') out += text[i];
        else out += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2])), i += 2;
    }
    return out;
}

// Leaves out the parameters of segments, empty segments, and dot segments, in this order. Takes encoded slashes and
// backslashes for slashes.
std::string read_as_backend(std::string_view raw) {
    std::string slashed;
    for (; !raw.empty(); raw.remove_prefix(1)) {
        const auto encoded = raw.substr(0, 3);
        const bool is_slash = raw.front() == '\\' || encoded == "%2F" || encoded == "%5C";
        slashed += is_slash ? '/' : raw.front();
        if (is_slash && raw.front() == '%') raw.remove_prefix(2);
    }
    std::string_view path = slashed;
    std::string out;
    while (!path.empty()) {
        path.remove_prefix(1);
        const auto end = std::min(path.find('/'), path.size());
        const auto segment = decode(path.substr(0, end).substr(0, path.substr(0, end).find(';')));
        path.remove_prefix(end);
        if (segment == "..") out.resize(out.empty() ? 0 : out.rfind('/'));
        if ((segment.empty() || segment == "." || segment == "..") && !path.empty()) continue;
        out += "/";
        if (segment != "." && segment != "..") out += segment;
    }
    return out;
}

// Spells a path that is not refused differently. `choices` says how.
std::string spell(std::string_view path, std::string_view choices) {
    constexpr std::array<std::string_view, 6> slashes{"/", "//", "/./", "/x/../", "/%2E/", "/y;z/%2e./"};
    std::string out;
    std::size_t at = 0;
    const auto choose = [&](unsigned below) -> unsigned {
        return choices.empty() ? 0 : static_cast<unsigned char>(choices[at++ % choices.size()]) % below;
    };
    bool in_parameters = false;
    for (std::size_t i = 0; i < path.size(); ++i) {
        const char c = path[i];
        if (c == '/') {
            in_parameters = false;
            out += slashes[choose(static_cast<unsigned>(slashes.size()))];
        } else if (c == ';') {
            in_parameters = true;
            out += c;
        } else if (c == '%' || in_parameters) {
            out += c;
        } else if (i > 0 && path[i - 1] == '%') {
            out += c; // of an encoding, whose case does not matter
        } else if (choose(3) == 1 && !(i > 1 && path[i - 2] == '%')) {
            constexpr std::string_view digits = "0123456789abcdef";
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += digits[byte >> 4];
            out += digits[byte & 15];
        } else {
            out += c;
        }
    }
    return out;
}

void check(std::string_view path, std::string_view choices, EncodedSlashes slashes) {
    const auto normal = normalize_path(path, slashes);
    if (is_normal_path(path)) require(!normal.problem && normal.forwarded == path && normal.matched == path);
    if (normal.problem) return;
    const auto again = normalize_path(normal.forwarded, slashes);
    require(!again.problem && again.forwarded == normal.forwarded && again.matched == normal.matched);
    require(is_normal_path(normal.matched) || normal.matched.find('%') != std::string::npos ||
            normal.matched.find("/..") != std::string::npos);
    require(read_as_backend(normal.forwarded) == decode(normal.matched));
    require(!has_dot_segment(normal.forwarded) && !has_dot_segment(normal.matched));
    const auto other = normalize_path(spell(path, choices), slashes);
    require(!other.problem && other.matched == normal.matched);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto space = std::min(bytes.find(' '), bytes.size());
    const auto path = "/" + std::string(bytes.substr(0, space));
    // A request's target holds no other bytes (RFC 9112 section 3.2).
    if (std::any_of(path.begin(), path.end(), [](char c) { return c <= ' ' || c > '~' || c == '#' || c == '?'; }))
        return 0;
    const auto choices = bytes.substr(std::min(space + 1, bytes.size()));
    check(path, choices, EncodedSlashes::refused);
    check(path, choices, EncodedSlashes::kept);
    return 0;
}
