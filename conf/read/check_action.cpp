#include "conf/model/header_name.h"
#include "conf/model/media_type.h"
#include "conf/read/route_checks.h"

#include <algorithm>

namespace weir::conf {
namespace {

void check_redirect(const std::string& path, const Redirect& redirect, Checks& checks) {
    const auto& to = redirect.to;
    const auto status = redirect.status;
    if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308)
        checks.fail(path + ".status", "a redirect has the status 301, 302, 303, 307 or 308");
    if (!to.starts_with('/') && !to.starts_with("http://") && !to.starts_with("https://") && !to.starts_with('{'))
        checks.fail(path + ".to", "write a URL (\"https://{host}{path_and_query}\") or a path (\"/login\")");
    if (std::any_of(to.begin(), to.end(), [](unsigned char c) { return c <= 0x20 || c >= 0x7f; }))
        checks.fail(path + ".to",
                    "a URL must not contain spaces, control characters or non-ASCII characters: percent-encode them");
    check_variables(path + ".to", to, Message::request, checks);
}

constexpr std::size_t max_body = 64 * 1024; // bytes in the configuration itself

void check_split(const std::string& path, const Route& route, const std::vector<std::string_view>& pools,
                 Checks& checks) {
    check_client_key(path + ".split_by", route.split_by, checks);
    if (route.split.empty()) {
        if (route.split_by.kind != ClientKey::Kind::request)
            checks.fail(path + ".split_by", "has no effect without split");
        return;
    }
    std::uint32_t sum = 0;
    bool all_parsed = true;
    for (const auto& [pool, share] : route.split) {
        const auto at = path + ".split." + pool;
        checks.known(at, "pool", pool, pools);
        const auto parsed = parse_percent(share);
        if (!parsed) checks.fail(at, parsed.error().message());
        all_parsed = all_parsed && parsed;
        sum += parsed ? parsed->value : 0;
    }
    if (all_parsed && sum != 100)
        checks.fail(path + ".split", "the shares add up to " + std::to_string(sum) + "%: make them 100%");
}

bool sets_content_type(const FixedResponse& response) {
    return std::any_of(response.headers.begin(), response.headers.end(),
                       [](const auto& header) { return fold_header_name(header.first) == "content-type"; });
}

void check_response_file(const std::string& path, const FixedResponse& response, Checks& checks) {
    if (!response.body.empty()) checks.fail(path + ".file", "`body` already gives the body: remove body or file");
    if (media_type_of(response.file).empty() && !sets_content_type(response))
        checks.fail(path + ".file",
                    "the extension of \"" + response.file + "\" has no known Content-Type: set it in headers");
}

void check_response(const std::string& path, const FixedResponse& response, Checks& checks) {
    const bool has_no_body = response.status == 204 || response.status == 205 || response.status == 304;
    if (has_no_body && !(response.body.empty() && response.file.empty()))
        checks.fail(path + (response.body.empty() ? ".file" : ".body"),
                    "a response with status " + std::to_string(response.status) + " has no body");
    if (response.body.size() > max_body)
        checks.fail(path + ".body", "at most 64KiB in the configuration itself: write file: PATH instead");
    if (!response.file.empty()) check_response_file(path, response, checks);
    check_set_headers(path + ".headers", response.headers, Message::own_response, checks);
}

// Checks that a route that needs no backend has none of the keys that change what a backend gets.
void check_needs_no_pool(const std::string& path, const Route& route, Checks& checks) {
    const auto check = [&](const char* key, bool is_set) {
        if (is_set) checks.fail(path + "." + key, "has no effect without a pool");
    };
    check("rewrite", route.rewrite.has_value());
    check("host", route.host != "keep");
    check("request_headers", route.request_headers != HeaderEdit());
    check("mirror", route.mirror.has_value());
    check("buffer_requests", route.buffer_requests);
    check("grpc_metrics", route.grpc_metrics);
}

} // namespace

void check_action(const std::string& path, const Route& route, const std::vector<std::string_view>& pools,
                  Checks& checks) {
    const int actions = (route.pool.empty() ? 0 : 1) + (route.split.empty() ? 0 : 1) + (route.redirect ? 1 : 0) +
                        (route.respond ? 1 : 0);
    if (actions == 0) checks.fail(path, "the route does nothing: write one of pool, split, redirect and respond");
    if (actions > 1) checks.fail(path, "a route has one of pool, split, redirect and respond: remove the others");
    check_split(path, route, pools, checks);
    if (!route.pool.empty()) checks.known(path + ".pool", "pool", route.pool, pools);
    if (route.redirect) check_redirect(path + ".redirect", *route.redirect, checks);
    if (route.respond) check_response(path + ".respond", *route.respond, checks);
    if (route.rewrite) check_rewrite(path + ".rewrite", *route.rewrite, checks);
    const bool forwards = !route.pool.empty() || !route.split.empty() || actions == 0;
    if (!forwards) check_needs_no_pool(path, route, checks);
    if (route.host != "keep" && route.host != "backend") checks.authority(path + ".host", route.host);
}

} // namespace weir::conf
