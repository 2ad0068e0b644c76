#include "conf/read/route_checks.h"

#include <algorithm>

namespace weir::conf {
namespace {

void check_basic_auth(const std::string& path, const BasicAuth& auth, Checks& checks) {
    const auto is_plain = [](unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; };
    if (!std::all_of(auth.realm.begin(), auth.realm.end(), is_plain))
        checks.fail(path + ".realm", "write ASCII characters without quotes and backslashes");
}

void check_forward_auth(const std::string& path, const ForwardAuth& auth, const std::vector<std::string_view>& pools,
                        Checks& checks) {
    checks.known(path + ".pool", "pool", auth.pool, pools);
    const bool is_path =
        auth.path.starts_with('/') && std::all_of(auth.path.begin(), auth.path.end(),
                                                  [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '#'; });
    if (!is_path) checks.fail(path + ".path", "write a path that begins with \"/\", such as \"/verify\"");
    for (std::size_t i = 0; i < auth.copy_headers.size(); ++i)
        check_header(path + ".copy_headers[" + std::to_string(i) + "]", auth.copy_headers[i], Message::request, checks);
    if (auth.timeout.count() <= 0) checks.fail(path + ".timeout", "must be more than 0s");
}

} // namespace

void check_client_key(const std::string& path, const ClientKey& key, Checks& checks) {
    if (key.kind == ClientKey::Kind::header) checks.header_name(path, key.name);
    if (key.kind == ClientKey::Kind::cookie && key.name.find_first_of("=;, \t\"") != std::string::npos)
        checks.fail(path, "\"" + key.name + "\" is not the name of a cookie");
}

void check_access(const std::string& path, const Route& route, const std::vector<std::string_view>& pools,
                  Checks& checks) {
    if (route.access && route.access->allow.empty() && route.access->deny.empty())
        checks.fail(path + ".access", "names no clients: write allow: [10.0.0.0/8] or deny: [192.0.2.0/24]");
    if (route.basic_auth) check_basic_auth(path + ".basic_auth", *route.basic_auth, checks);
    if (route.forward_auth) check_forward_auth(path + ".forward_auth", *route.forward_auth, pools, checks);
    const auto check_limit = [&](const std::string& at, const ClientKey& by) {
        check_client_key(at + ".by", by, checks);
        if (by.kind == ClientKey::Kind::request)
            checks.fail(at + ".by", "a limit needs a client key: write client_ip, header:NAME or cookie:NAME");
    };
    if (route.rate_limit) check_limit(path + ".rate_limit", route.rate_limit->by);
    if (route.concurrency_limit) check_limit(path + ".concurrency_limit", route.concurrency_limit->by);
}

} // namespace weir::conf
