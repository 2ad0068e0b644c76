#include "proxy/admin/guard.h"

#include "proxy/http1/chars.h"
#include "proxy/http1/head.h"

#include <openssl/crypto.h>

#include <algorithm>

namespace weir::proxy::admin {
namespace {

bool is_own_host(std::string_view host, const AccessRules& rules) {
    if (rules.own.is_unix()) return true;
    const auto name = http::host_of(host);
    for (const auto& known : rules.hosts)
        if (http::same_name(name, known)) return true;
    const auto& address = std::get<conf::Address>(rules.own.where);
    const auto ip = address.family() == AF_INET6 ? "[" + address.ip_text() + "]" : address.ip_text();
    if (name == ip) return true;
    if (address.is_loopback()) return http::same_word(name, "localhost") || name == "127.0.0.1" || name == "[::1]";
    // The API listens on all addresses: accept any IP address, but no names, which others may control.
    return conf::Address::parse(std::string(name) + ":1").has_value();
}

bool same_secret(std::string_view a, std::string_view b) {
    return !b.empty() && a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Access access_of(std::string_view authorization, const conf::AdminTokens& tokens) {
    if (tokens.full.empty()) return Access::full;
    constexpr std::string_view scheme = "bearer "; // case-insensitive (RFC 9110 section 11.1)
    if (!http::same_word(authorization.substr(0, scheme.size()), scheme)) return Access::none;
    auto secret = authorization.substr(scheme.size());
    secret.remove_prefix(std::min(secret.find_first_not_of(' '), secret.size()));
    if (same_secret(secret, tokens.full)) return Access::full;
    return same_secret(secret, tokens.read) ? Access::read : Access::none;
}

} // namespace

Verdict check_caller(const Caller& caller, const AccessRules& rules, Protection protection) {
    const auto access = access_of(caller.authorization, rules.tokens);
    const auto refuse = [&](int status, const char* reason) { return Verdict{status, reason, access}; };
    if (protection == Protection::credential && access == Access::none)
        return refuse(401, caller.authorization.empty()
                               ? "a token is required: send the header Authorization: Bearer TOKEN"
                               : "the token is wrong: it is neither the one of admin.token_file nor the one of "
                                 "admin.read_token_file");
    // A browser that reached the API through a foreign name has no token and cannot sign a heartbeat.
    const bool has_token = !rules.tokens.full.empty() && access != Access::none;
    if (!has_token && protection != Protection::signature && !is_own_host(caller.host, rules))
        return refuse(421, "the Host of the request is not an address of this admin API; add the name to admin.hosts, "
                           "or use the address");
    if (!caller.origin.empty() && caller.origin != rules.scheme + std::string(caller.host))
        return refuse(403, "cross-origin requests are refused");
    const bool other_site =
        !caller.fetch_site.empty() && caller.fetch_site != "same-origin" && caller.fetch_site != "none";
    if (other_site) return refuse(403, "cross-site requests are refused");
    const bool reads = caller.method == "GET" || caller.method == "HEAD";
    if (protection == Protection::credential && access == Access::read && !reads)
        return refuse(403, "this token is read-only: use the token of admin.token_file to change something");
    return refuse(200, "");
}

} // namespace weir::proxy::admin
