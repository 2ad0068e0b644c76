#include "proxy/snapshot/path_rewriter.h"

#include <algorithm>
#include <utility>

namespace weir::proxy::http {
namespace {

// Returns the replacement in the syntax of RE2, in which a backslash introduces a group.
std::string re2_syntax(std::string_view replace) {
    std::string out;
    for (const char c : replace) {
        if (c == '\\') out += '\\';
        out += c == '$' ? '\\' : c;
    }
    return out;
}

// Returns true if the path consists of the segments of `prefix`, or begins with them.
bool has_prefix(std::string_view path, std::string_view prefix) {
    if (!path.starts_with(prefix)) return false;
    return prefix.ends_with('/') || path.size() == prefix.size() || path[prefix.size()] == '/';
}

// Returns the path without its first `count` segments that have a name; empty if one of them holds a slash that is
// kept.
std::string_view drop_segments(std::string_view path, std::ptrdiff_t count) {
    while (count > 0 && !path.empty()) {
        const auto segment = path.substr(1, path.find('/', 1) - 1);
        if (segment.find('\\') != segment.npos || segment.find("%2F") != segment.npos ||
            segment.find("%5C") != segment.npos)
            return {};
        if (!segment.empty() && segment.front() != ';') --count;
        path.remove_prefix(segment.size() + 1);
    }
    return path;
}

std::string strip(std::string_view forwarded, std::string_view matched, std::string_view prefix) {
    if (!has_prefix(matched, prefix)) return std::string(forwarded);
    auto rest = forwarded;
    if (has_prefix(forwarded, prefix)) rest.remove_prefix(prefix.size());
    else
        rest =
            drop_segments(forwarded, std::count(prefix.begin(), prefix.end(), '/') - (prefix.ends_with('/') ? 1 : 0));
    if (rest.empty()) rest = matched.substr(prefix.size());
    return rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
}

} // namespace

PathRewriter::PathRewriter(const conf::PathRewrite& rules, std::size_t workers)
    : strip_prefix_(rules.strip_prefix), regex_(rules.regex, workers), replacement_(re2_syntax(rules.replace)),
      add_prefix_(rules.add_prefix) {}

std::string PathRewriter::rewrite(std::string_view forwarded, std::string_view matched, std::size_t worker) const {
    const auto& prefix = strip_prefix_;
    auto path = prefix.empty() ? std::string(forwarded) : strip(forwarded, matched, prefix);
    if (!regex_.empty() && !regex_.replace_first(path, replacement_, worker)) {
        auto other = prefix.empty() ? std::string(matched) : strip(matched, matched, prefix);
        if (regex_.replace_first(other, replacement_, worker)) path = std::move(other);
    }
    if (!path.starts_with('/')) path.insert(path.begin(), '/');
    return add_prefix_ + path;
}

} // namespace weir::proxy::http
