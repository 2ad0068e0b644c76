// The path of a URL in the form in which routes match it, so that no spelling of a path bypasses a route.
//
// Paths are normalized by RFC 3986 section 6.2.2: percent-encoded unreserved characters are decoded, the other
// encodings are written in upper case, dot segments are resolved, and empty segments are removed. Some spellings mean
// one thing to weir and another to a backend. They are refused: encoded slashes, backslashes, NUL, and dot segments
// with parameters ("/..;x/").
//
// Thread: pure functions.
// Lifetime: results own their texts.
#pragma once

#include <string>
#include <string_view>

namespace weir::conf {

// What happens to a slash or backslash that is percent-encoded, or to a plain backslash.
enum class EncodedSlashes { refused, kept };

struct NormalPath {
    std::string forwarded; // as it is sent to a backend
    // As routes see it: sub-delimiters, ':' and '@' are decoded as well, other characters that a path must not hold are
    // percent-encoded, slashes and backslashes that are kept separate segments, and the parameters of segments (";v=1")
    // are left out.
    std::string matched;
    const char* problem = nullptr; // the reason for refusing the path; null: it is accepted
};

// Returns true if a path, which has no query, is in its normal form both as it is forwarded and as it is matched. Also
// returns false for some normal paths, such as those with percent-encoded characters; normalize_path() decides then.
// Reads each byte once.
bool is_normal_path(std::string_view path);

// Returns true if a segment of a path, which begins with '/', is "." or "..", or a backend may find one in it: before
// parameters, or beside a slash or semicolon that is encoded.
bool has_dot_segment(std::string_view path);

// Returns the normal form of a path, which begins with '/' and has no query.
NormalPath normalize_path(std::string_view path, EncodedSlashes slashes);

} // namespace weir::conf
