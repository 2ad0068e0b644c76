#include "proxy/http/affinity.h"

#include "balancer/algorithms/stable_hash.h"
#include "proxy/http1/chars.h"

#include <algorithm>

namespace weir::proxy::http {
namespace {

// Calls `found` with the value of each cookie of this name until it returns true.
template <class Found> void for_each_cookie(const RequestHead& head, std::string_view name, const Found& found) {
    for (const auto& field : head.fields) {
        if (field.id != FieldId::cookie) continue;
        for (auto rest = field.value; !rest.empty();) {
            const auto end = std::min(rest.find(';'), rest.size());
            const auto pair = trim(rest.substr(0, end));
            const bool is_named = pair.size() > name.size() && pair[name.size()] == '=' && pair.starts_with(name);
            if (is_named && found(pair.substr(name.size() + 1))) return;
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }
}

} // namespace

std::optional<std::string_view> find_cookie(const RequestHead& head, std::string_view name) {
    std::optional<std::string_view> cookie;
    for_each_cookie(head, name, [&](std::string_view value) { return cookie = value, true; });
    return cookie;
}

std::string_view find_only_cookie(const RequestHead& head, std::string_view name) {
    std::string_view cookie;
    int count = 0;
    for_each_cookie(head, name, [&](std::string_view value) { return cookie = value, ++count > 1; });
    return count == 1 ? cookie : std::string_view();
}

std::optional<std::uint64_t> hash_key(const conf::Hash& hash, const RequestHead& head, std::string_view client_ip) {
    switch (hash.on) {
    case conf::HashOn::source_ip: return balancer::stable_hash(client_ip);
    case conf::HashOn::path: return balancer::stable_hash(head.path.substr(0, head.path.find('?')));
    case conf::HashOn::cookie:
        if (const auto cookie = find_cookie(head, hash.name)) return balancer::stable_hash(*cookie);
        return std::nullopt;
    case conf::HashOn::header: break;
    }
    for (const auto& field : head.fields)
        if (same_name(field.name, hash.name)) return balancer::stable_hash(field.value);
    return std::nullopt;
}

Affinity find_belonging(const PoolSpec& pool, const RequestHead& head, std::uint32_t unix_now) {
    const auto& sticky = *pool.config.sticky;
    const auto text = find_cookie(head, sticky.cookie);
    const auto cookie = text ? balancer::StickyCookie::parse(*text) : std::nullopt;
    if (!cookie) return {};
    const auto mark = pool.marks.find(cookie->mark);
    if (mark == pool.marks.end()) return {};
    const auto ttl = std::chrono::duration_cast<std::chrono::seconds>(sticky.ttl);
    return {mark->second, balancer::is_stale(*cookie, unix_now, ttl)};
}

std::string make_cookie(const PoolSpec& pool, std::size_t member, std::uint32_t unix_now, Scheme scheme) {
    const auto& sticky = *pool.config.sticky;
    const auto mark = balancer::sticky_mark(pool.config.name, pool.members[member].backend->name());
    auto out = sticky.cookie + "=" + balancer::StickyCookie{mark, unix_now}.text() + "; Path=/; HttpOnly; SameSite=Lax";
    if (const auto seconds = sticky.ttl.count() / 1000; seconds > 0) out += "; Max-Age=" + std::to_string(seconds);
    if (scheme == Scheme::https) out += "; Secure";
    return out;
}

} // namespace weir::proxy::http
