#include "lock/redis/redis_address.h"

#include <charconv>

namespace weir::lock {
namespace {

// Removes the scheme from the URL; returns false if the URL has another one.
bool take_scheme(std::string_view& url, std::string_view scheme) {
    if (!url.starts_with(scheme)) return false;
    url.remove_prefix(scheme.size());
    return true;
}

bool is_number(std::string_view text, unsigned& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
}

} // namespace

std::optional<RedisAddress> RedisAddress::parse(std::string_view url) {
    RedisAddress address;
    if (take_scheme(url, "rediss://")) address.kind = Kind::tls;
    else if (take_scheme(url, "sentinel://")) address.kind = Kind::sentinel, address.port = "26379";
    else if (!take_scheme(url, "redis://")) return std::nullopt;
    const auto slash = url.find('/');
    const auto rest = slash == std::string_view::npos ? std::string_view() : url.substr(slash + 1);
    if (address.kind == Kind::sentinel) address.master = rest;
    else if (!rest.empty() && !is_number(rest, address.database)) return std::nullopt;
    if (address.kind == Kind::sentinel && address.master.empty()) return std::nullopt;
    const auto place = url.substr(0, slash);
    const auto colon = place.rfind(':');
    const bool has_port = colon != std::string_view::npos && place.find(']', colon) == std::string_view::npos;
    auto host = place.substr(0, has_port ? colon : place.size());
    if (has_port) address.port = place.substr(colon + 1);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    address.host = host;
    unsigned port = 0;
    if (address.host.empty() || !is_number(address.port, port) || port < 1 || port > 65535) return std::nullopt;
    return address;
}

} // namespace weir::lock
