#include "proxy/admin/guard.h"

#include "proxy/http/chars.h"
#include "proxy/http/head.h"

#include <openssl/crypto.h>

#include <string>

namespace weir::proxy::admin {
namespace {

bool is_own_host(std::string_view host, const conf::AdminAddress& own) {
    if (own.is_unix()) return true;
    const auto& address = std::get<conf::Address>(own.where);
    const auto name = http::host_of(host);
    const auto ip = address.family() == AF_INET6 ? "[" + address.ip_text() + "]" : address.ip_text();
    if (name == ip) return true;
    if (address.is_loopback()) return http::same_word(name, "localhost") || name == "127.0.0.1" || name == "[::1]";
    // Listening everywhere: any address of this machine, but no name that others control.
    std::string why;
    conf::Address::parse(std::string(name) + ":1", why);
    return why.empty();
}

bool same_secret(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

} // namespace

Verdict check_caller(const Caller& caller, const conf::AdminAddress& own, std::string_view token) {
    if (!is_own_host(caller.host, own)) return {421, "the Host is not this admin API's own address"};
    if (!caller.origin.empty() && caller.origin != "http://" + std::string(caller.host))
        return {403, "cross-origin requests are refused"};
    const bool other_site =
        !caller.fetch_site.empty() && caller.fetch_site != "same-origin" && caller.fetch_site != "none";
    if (other_site) return {403, "cross-site requests are refused"};
    constexpr std::string_view scheme = "Bearer ";
    const bool known =
        caller.authorization.starts_with(scheme) && same_secret(caller.authorization.substr(scheme.size()), token);
    if (!token.empty() && !known) return {401, "a token is needed: Authorization: Bearer …"};
    return {200, ""};
}

} // namespace weir::proxy::admin
