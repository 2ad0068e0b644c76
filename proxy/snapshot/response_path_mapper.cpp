#include "proxy/snapshot/response_path_mapper.h"

#include "proxy/http1/chars.h"

#include <algorithm>
#include <utility>

namespace weir::proxy::http {
namespace {

// A URL with an authority, split where it can change.
struct HostUrl {
    std::string_view scheme; // empty: that of the page ("//host/x")
    std::string_view authority, path;
};

// Splits "http://host/x", "https://host/x" or "//host/x". Returns nothing for anything else.
std::optional<HostUrl> split_url(std::string_view url) {
    HostUrl parts;
    for (const std::string_view scheme : {"http", "https"}) {
        const auto colon = scheme.size();
        if (url.size() > colon && url[colon] == ':' && same_word(url.substr(0, colon), scheme)) parts.scheme = scheme;
    }
    if (!parts.scheme.empty()) url.remove_prefix(parts.scheme.size() + 1);
    if (!url.starts_with("//")) return std::nullopt;
    url.remove_prefix(2);
    const auto end = std::min(url.find_first_of("/?#\\"), url.size());
    parts.authority = url.substr(0, end);
    parts.path = url.substr(end);
    return parts;
}

std::string_view without_default_port(std::string_view authority, std::string_view scheme) {
    const std::string_view port = scheme == "https" ? ":443" : ":80";
    if (authority.ends_with(port)) authority.remove_suffix(port.size());
    else if (authority.ends_with(':')) authority.remove_suffix(1);
    return authority;
}

// Browsers take "//x" and "/\x" for another host, and leave out tabs and control characters: only one slash is kept.
std::string_view without_more_slashes(std::string_view path) {
    std::size_t end = 0;
    while (end < path.size() && (path[end] == '/' || path[end] == '\\' || static_cast<unsigned char>(path[end]) <= ' '))
        ++end;
    return end == 0 ? path : path.substr(end);
}

std::string concat(std::string_view before, std::string_view middle, std::string_view after) {
    std::string out;
    out.reserve(before.size() + middle.size() + after.size());
    return out.append(before).append(middle).append(after);
}

// Takes an attribute of a cookie off the front of `rest`, up to the next semicolon.
std::string_view take_attribute(std::string_view& rest) {
    const auto end = std::min(rest.find(';'), rest.size());
    const auto attribute = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return attribute;
}

// Returns the value of the last Path of a cookie, a part of `cookie`; empty if there is none.
std::string_view find_cookie_path(std::string_view cookie) {
    auto rest = cookie;
    take_attribute(rest); // its name and value
    std::string_view path;
    while (!rest.empty()) {
        const auto attribute = take_attribute(rest);
        const auto equals = std::min(attribute.find('='), attribute.size());
        if (!same_word(trim(attribute.substr(0, equals)), "path")) continue;
        path = trim(attribute.substr(std::min(equals + 1, attribute.size())));
    }
    return path;
}

// Returns the URL of "5; url=/x" or "5 /x", a part of `refresh`, as browsers find it; empty if there is none.
std::string_view find_refresh_url(std::string_view refresh) {
    constexpr std::string_view name = "url";
    auto rest = trim(refresh);
    rest.remove_prefix(std::min(rest.find_first_not_of("0123456789."), rest.size()));
    if (rest.empty() || (rest.front() != ';' && rest.front() != ',' && !is_blank(rest.front()))) return {};
    rest = trim(rest);
    if (rest.starts_with(';') || rest.starts_with(',')) rest = trim(rest.substr(1));
    if (same_word(rest.substr(0, name.size()), name) && trim(rest.substr(name.size())).starts_with('='))
        rest = trim(trim(rest.substr(name.size())).substr(1)); // it may be left out
    if (rest.starts_with('"') || rest.starts_with('\'')) {
        const char quote = rest.front();
        rest.remove_prefix(1);
        rest = rest.substr(0, rest.find(quote));
    }
    return rest;
}

// Replaces a part of a text.
std::string replaced(std::string_view text, std::string_view part, std::string_view by) {
    const auto at = static_cast<std::size_t>(part.data() - text.data());
    return concat(text.substr(0, at), by, text.substr(at + part.size()));
}

} // namespace

ResponsePathMapper::ResponsePathMapper(const conf::PathRewrite& rules)
    : add_prefix_(rules.add_prefix), strip_prefix_(rules.strip_prefix),
      strip_ends_in_slash_(rules.strip_prefix.ends_with('/')) {
    if (strip_ends_in_slash_) strip_prefix_.pop_back();
}

std::optional<std::string_view> ResponsePathMapper::rest_of(std::string_view path) const {
    if (!path.starts_with(add_prefix_)) return std::nullopt;
    const auto rest = path.substr(add_prefix_.size());
    const bool is_whole = rest.empty() || rest[0] == '/' || rest[0] == '?' || rest[0] == '#';
    if (!is_whole) return std::nullopt;
    return rest;
}

std::optional<std::string> ResponsePathMapper::map_path(std::string_view path) const {
    const auto found = rest_of(path);
    if (!found) return std::nullopt;
    const bool needs_slash = found->starts_with('/') || strip_prefix_.empty() || strip_ends_in_slash_;
    return concat(strip_prefix_, needs_slash ? "/" : "", without_more_slashes(*found));
}

std::optional<std::string> ResponsePathMapper::map_url(std::string_view url, const ResponseOrigins& origins) const {
    const auto parts = split_url(url);
    if (!parts) return url.starts_with('/') ? map_path(url) : std::nullopt;
    const auto is = [&](std::string_view other, std::string_view its_scheme) {
        const auto scheme = parts->scheme.empty() ? its_scheme : parts->scheme;
        return !other.empty() &&
               same_name(without_default_port(parts->authority, scheme), without_default_port(other, its_scheme));
    };
    const bool is_clients = is(origins.client_authority, origins.client_scheme);
    const bool is_backends =
        is(origins.backend_authority, origins.backend_scheme) || is(origins.backend_address, origins.backend_scheme);
    if (!is_clients && !is_backends) return std::nullopt;
    auto path = map_path(parts->path.starts_with('/') ? parts->path : concat("/", parts->path, ""));
    if (!path || !is_clients || parts->scheme.empty()) return path;
    if (parts->scheme == "http" && origins.client_scheme == "https") return path;
    return concat(concat(parts->scheme, "://", parts->authority), *path, "");
}

std::optional<std::string> ResponsePathMapper::map_refresh(std::string_view refresh,
                                                           const ResponseOrigins& origins) const {
    const auto url = find_refresh_url(refresh);
    const auto mapped = map_url(url, origins);
    if (!mapped) return std::nullopt;
    return replaced(refresh, url, *mapped);
}

std::optional<std::string> ResponsePathMapper::map_cookie(std::string_view cookie) const {
    constexpr std::string_view host_prefix = "__host-";
    if (same_word(trim(cookie).substr(0, host_prefix.size()), host_prefix)) return std::nullopt;
    const auto path = find_cookie_path(cookie);
    const auto rest = path.starts_with('/') ? rest_of(path) : std::nullopt;
    if (!rest) return std::nullopt;
    // The client's "/shop" is the backend's "/": a cookie for "/shop/" would not be sent there.
    const bool is_top = *rest == "/" && !strip_prefix_.empty() && !strip_ends_in_slash_;
    return replaced(cookie, path, is_top ? strip_prefix_ : *map_path(path));
}

std::optional<std::string> ResponsePathMapper::map_field(std::string_view name, std::string_view value,
                                                         const ResponseOrigins& origins) const {
    if (same_word(name, "location") || same_word(name, "content-location")) return map_url(value, origins);
    if (same_word(name, "refresh")) return map_refresh(value, origins);
    if (same_word(name, "set-cookie")) return map_cookie(value);
    return std::nullopt;
}

} // namespace weir::proxy::http
