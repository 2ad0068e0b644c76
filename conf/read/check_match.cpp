#include "conf/model/header_name.h"
#include "conf/read/route_checks.h"

#include <algorithm>
#include <cctype>

namespace weir::conf {
namespace {

void check_method(const std::string& path, const std::string& method, Checks& checks) {
    const auto legal = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; };
    const auto is_lower = [](unsigned char c) { return std::islower(c) != 0; };
    if (method.empty() || !std::all_of(method.begin(), method.end(), legal))
        checks.fail(path, "\"" + method + "\" is not a method");
    else if (std::any_of(method.begin(), method.end(), is_lower))
        checks.fail(path, "methods are case-sensitive: write them in upper case, such as GET");
}

void check_matched_header(const std::string& path, std::string_view name, std::string_view value, Checks& checks) {
    if (!checks.header_name(path, name)) return;
    if (fold_header_name(name) == "host") checks.fail(path, "use match.hosts to match the host");
    if (value.empty()) checks.fail(path, "the value is empty: write \"*\" for any value");
}

} // namespace

void check_match(const std::string& path, const Match& match, const std::vector<std::string_view>& listeners,
                 Checks& checks) {
    for (std::size_t k = 0; k < match.listeners.size(); ++k)
        checks.known(path + ".listeners[" + std::to_string(k) + "]", "listener", match.listeners[k], listeners);
    for (std::size_t k = 0; k < match.hosts.size(); ++k)
        checks.host(path + ".hosts[" + std::to_string(k) + "]", match.hosts[k]);
    check_url_path(path + ".path", match.path, checks);
    check_url_path(path + ".path_prefix", match.path_prefix, checks);
    if (!match.path.empty() && !match.path_prefix.empty())
        checks.fail(path + ".path_prefix", "`path` already gives the exact path: remove path or path_prefix");
    check_regex(path + ".path_regex", match.path_regex, checks);
    for (std::size_t k = 0; k < match.methods.size(); ++k)
        check_method(path + ".methods[" + std::to_string(k) + "]", match.methods[k], checks);
    for (const auto& [name, value] : match.headers)
        check_matched_header(path + ".headers." + name, name, value, checks);
    for (const auto& [name, value] : match.query)
        if (name.empty()) checks.fail(path + ".query", "a query parameter needs a name");
}

} // namespace weir::conf
