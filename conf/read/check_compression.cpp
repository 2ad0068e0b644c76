#include "conf/model/header_name.h"
#include "conf/model/scalar.h"
#include "conf/read/checks.h"

#include <algorithm>
#include <cctype>

namespace weir::conf {
namespace {

// Returns true for a name of a media type in lower case (RFC 6838 section 4.2).
bool is_media_name(std::string_view name) {
    const auto legal = [](unsigned char c) {
        return (std::isalnum(c) && !std::isupper(c)) ||
               std::string_view("!#$&-^_.+").find(static_cast<char>(c)) != std::string_view::npos;
    };
    return !name.empty() && std::all_of(name.begin(), name.end(), legal);
}

void check_media_type(const std::string& path, std::string_view type, Checks& checks) {
    if (type == "*/*") return;
    if (type == "text/event-stream") return checks.fail(path, "event streams are never compressed: remove it");
    const auto slash = std::min(type.find('/'), type.size());
    const auto subtype = type.substr(std::min(slash + 1, type.size()));
    if (!is_media_name(type.substr(0, slash)) || (subtype != "*" && !is_media_name(subtype)))
        checks.fail(path, "\"" + std::string(type) +
                              "\" is not a media type: write application/json, text/* or */*, in lower case and "
                              "without parameters");
}

void check_encodings(const std::string& path, const std::vector<ContentCoding>& encodings, Checks& checks) {
    if (encodings.empty()) checks.fail(path, "name at least one encoding, or remove the key to allow all of them");
    for (std::size_t i = 0; i < encodings.size(); ++i)
        if (std::count(encodings.begin(), encodings.begin() + static_cast<std::ptrdiff_t>(i), encodings[i]) > 0)
            checks.fail(path + "[" + std::to_string(i) + "]",
                        "duplicate encoding \"" + Scalar<ContentCoding>::format(encodings[i]) + "\"");
}

// The encoding of the content is weir's to state. A compressed response that states another one could not be read.
void check_edit(const std::string& path, const HeaderEdit& edit, Checks& checks) {
    const auto check = [&](const std::string& at, std::string_view name) {
        if (fold_header_name(name) == "content-encoding")
            checks.fail(at, "weir sets this header itself, because the route has `compress`: remove one of them");
    };
    for (const auto& [name, value] : edit.set) check(path + ".set." + name, name);
    for (const auto& [name, value] : edit.add) check(path + ".add." + name, name);
    for (std::size_t i = 0; i < edit.remove.size(); ++i)
        check(path + ".remove[" + std::to_string(i) + "]", edit.remove[i]);
}

} // namespace

void check_compression(const Route& route, const std::string& path, Checks& checks) {
    if (!route.compress) return;
    const auto at = path + ".compress";
    if (route.redirect || route.respond) checks.fail(at, "has no effect without a pool");
    if (route.compress->types.empty()) checks.fail(at + ".types", "name at least one media type");
    for (std::size_t i = 0; i < route.compress->types.size(); ++i)
        check_media_type(at + ".types[" + std::to_string(i) + "]", route.compress->types[i], checks);
    check_encodings(at + ".encodings", route.compress->encodings, checks);
    check_edit(path + ".response_headers", route.response_headers, checks);
}

} // namespace weir::conf
