#include "proxy/snapshot/path_rewriter.h"

#include <re2/re2.h>

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

std::string strip(std::string_view forwarded, std::string_view matched, std::string_view prefix) {
    auto path = forwarded;
    if (!has_prefix(path, prefix)) path = matched; // its prefix is spelled differently
    if (!has_prefix(path, prefix)) return std::string(forwarded);
    path.remove_prefix(prefix.size());
    return path.starts_with('/') ? std::string(path) : "/" + std::string(path);
}

} // namespace

PathRewriter::PathRewriter() = default;
PathRewriter::PathRewriter(PathRewriter&&) noexcept = default;
PathRewriter::~PathRewriter() = default;

PathRewriter::PathRewriter(const conf::PathRewrite& rules, std::size_t workers) : rules_(rules) {
    rules_.replace = re2_syntax(rules.replace);
    for (std::size_t i = 0; !rules_.regex.empty() && i < workers; ++i)
        regexes_.push_back(std::make_unique<const re2::RE2>(rules_.regex, re2::RE2::Quiet));
}

std::string PathRewriter::rewrite(std::string_view forwarded, std::string_view matched, std::size_t worker) const {
    auto path = rules_.strip_prefix.empty() ? std::string(forwarded) : strip(forwarded, matched, rules_.strip_prefix);
    if (!regexes_.empty()) re2::RE2::Replace(&path, *regexes_[worker], rules_.replace);
    if (!path.starts_with('/')) path.insert(path.begin(), '/');
    return rules_.add_prefix + path;
}

} // namespace weir::proxy::http
