#include "conf/model/url_path.h"
#include "conf/read/route_checks.h"

#include <re2/re2.h>

#include <algorithm>

namespace weir::conf {
namespace {

// Returns true if a text may be a part of a path as it is sent (RFC 9112 section 3.2).
bool is_path_text(const std::string& text) {
    return std::all_of(text.begin(), text.end(),
                       [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '?' && c != '#'; });
}

void check_query_edit(const std::string& path, const QueryEdit& edit, Checks& checks) {
    const auto check = [&](const std::string& at, std::string_view name) {
        if (name.empty()) checks.fail(at, "the name of a parameter must not be empty");
    };
    for (const auto& [name, value] : edit.set) check(path + ".set", name);
    for (const auto& [name, value] : edit.add) check(path + ".add", name);
    for (std::size_t i = 0; i < edit.remove.size(); ++i)
        check(path + ".remove[" + std::to_string(i) + "]", edit.remove[i]);
    for (std::size_t i = 0; i < edit.remove.size(); ++i)
        for (const auto& [name, value] : edit.set)
            if (name == edit.remove[i])
                checks.fail(path + ".remove[" + std::to_string(i) + "]", "`set` already replaces \"" + name + "\"");
}

} // namespace

void check_url_path(const std::string& path, const std::string& value, Checks& checks) {
    if (value.empty()) return;
    if (value[0] != '/') return checks.fail(path, "a path begins with \"/\"");
    if (value.find_first_of("?#") != std::string::npos)
        return checks.fail(path, "a path has no query and no fragment; use match.query to match parameters");
    const auto normal = normalize_path(value, EncodedSlashes::kept);
    if (normal.problem) return checks.fail(path, std::string(normal.problem) + ": no request matches it");
    if (normal.matched != value)
        checks.fail(path, "paths are normalized before they are matched: write \"" + normal.matched + "\"");
}

int check_regex(const std::string& path, const std::string& pattern, Checks& checks) {
    if (pattern.empty()) return 0;
    const re2::RE2 regex(pattern, re2::RE2::Quiet);
    if (regex.ok()) return regex.NumberOfCapturingGroups();
    checks.fail(path, "not a regular expression that RE2 accepts: " + regex.error());
    return -1;
}

void check_rewrite(const std::string& path, const PathRewrite& rewrite, Checks& checks) {
    check_url_path(path + ".strip_prefix", rewrite.strip_prefix, checks);
    check_url_path(path + ".add_prefix", rewrite.add_prefix, checks);
    const auto& prefix = rewrite.add_prefix;
    if (!prefix.empty() && (!prefix.starts_with('/') || prefix.ends_with('/') || !is_path_text(prefix)))
        checks.fail(
            path + ".add_prefix",
            "must begin with \"/\" and not end with one: write the segments to put before the path, such as \"/api\"");
    const int groups = check_regex(path + ".regex", rewrite.regex, checks);
    if (rewrite.regex.empty() && !rewrite.replace.empty())
        checks.fail(path + ".replace", "has no effect without regex");
    if (!is_path_text(rewrite.replace))
        checks.fail(path + ".replace", "a path has no spaces, control characters, query or fragment");
    for (std::size_t at = rewrite.replace.find('$'); at != std::string::npos; at = rewrite.replace.find('$', at + 1)) {
        const char group = at + 1 < rewrite.replace.size() ? rewrite.replace[at + 1] : '\0';
        if (group < '0' || group > '9')
            checks.fail(path + ".replace", "write $1 to $9 for a group, or $0 for the match");
        else if (groups >= 0 && group - '0' > groups)
            checks.fail(path + ".replace", "regex has no group $" + std::string(1, group));
    }
    check_query_edit(path + ".query", rewrite.query, checks);
    if (rewrite.map_back && !rewrite.regex.empty())
        checks.fail(path + ".map_back",
                    "regex cannot be reversed: use strip_prefix and add_prefix, or remove map_back");
    else if (rewrite.map_back && rewrite.strip_prefix.empty() && rewrite.add_prefix.empty())
        checks.fail(path + ".map_back", "has no effect without strip_prefix or add_prefix");
    if (rewrite == PathRewrite())
        checks.fail(path, "nothing to rewrite: write strip_prefix, add_prefix, regex or query");
}

} // namespace weir::conf
