#include "conf/model/header_name.h"
#include "conf/model/header_value.h"
#include "conf/read/route_checks.h"

#include <algorithm>
#include <map>

namespace weir::conf {
namespace {

// Checks a header that a route sets or adds.
void check_header_value(const std::string& path, const std::string& name, const std::string& value, Message message,
                        Checks& checks) {
    check_header(path, name, message, checks);
    if (std::any_of(value.begin(), value.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
        checks.fail(path, "a header value must not contain line breaks or control characters");
    check_variables(path, value, message, checks);
}

} // namespace

void check_header(const std::string& path, std::string_view name, Message message, Checks& checks) {
    if (!checks.header_name(path, name)) return;
    const auto folded = fold_header_name(name);
    for (const auto* framing : {"content-length", "transfer-encoding"})
        if (folded == framing) checks.fail(path, "weir sets this header itself, from the body: remove it");
    for (const auto* hop :
         {"connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "http2-settings", "expect"})
        if (folded == hop) checks.fail(path, "weir sets this header itself, for each connection: remove it");
    if (message == Message::request && folded == "host")
        checks.fail(path, "weir sets this header itself: use the route's `host` instead");
    if (message == Message::request && folded == "proxy")
        checks.fail(path, "CGI programs read this header as HTTP_PROXY: choose another name");
    if (message != Message::request && folded == "date")
        checks.fail(path, "weir sets this header itself, if the backend does not: remove it");
}

void check_variables(const std::string& path, std::string_view value, Message message, Checks& checks) {
    while (!value.empty()) {
        const auto name = take_header_piece(value).name;
        const auto variable = find_header_variable(name);
        if (variable == HeaderVariable::backend && message != Message::response)
            checks.fail(path, "{backend} is available only in response_headers");
        if (name.empty() || variable) continue;
        std::vector<std::string_view> known;
        known.reserve(header_variables.size());
        for (const auto& each : header_variables) known.push_back(each.first);
        checks.known(path, "variable", std::string(name), known);
    }
}

void check_set_headers(const std::string& path, const std::vector<std::pair<std::string, std::string>>& headers,
                       Message message, Checks& checks) {
    std::map<std::string, std::string_view> names;
    for (const auto& [name, value] : headers) {
        const auto at = path + "." + name;
        check_header_value(at, name, value, message, checks);
        const auto [other, is_new] = names.emplace(fold_header_name(name), name);
        if (!is_new)
            checks.fail(at, (message == Message::request ? "backends read it as the same header as \""
                                                         : "the same header as \"") +
                                std::string(other->second) + "\": set one of them");
    }
}

void check_header_edit(const std::string& path, const HeaderEdit& edit, Message message, Checks& checks) {
    check_set_headers(path + ".set", edit.set, message, checks);
    for (const auto& [name, value] : edit.add) check_header_value(path + ".add." + name, name, value, message, checks);
    for (std::size_t i = 0; i < edit.remove.size(); ++i)
        check_header(path + ".remove[" + std::to_string(i) + "]", edit.remove[i], message, checks);
}

} // namespace weir::conf
