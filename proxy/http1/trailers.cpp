#include "proxy/http1/trailers.h"

#include "conf/model/header_name.h"
#include "proxy/http1/chars.h"

#include <algorithm>
#include <array>

namespace weir::proxy::http {
namespace {

// Fields that are kept out besides those that have a FieldId, and those with one of the prefixes below: they are
// credentials, conditions and preferences of a request, say who has sent it, or control what is done with a response.
constexpr std::array<std::string_view, 28> kept_out_names{"accept",
                                                          "accept-charset",
                                                          "accept-encoding",
                                                          "accept-language",
                                                          "age",
                                                          "alt-svc",
                                                          "authorization",
                                                          "cache-control",
                                                          "clear-site-data",
                                                          "early-data",
                                                          "expires",
                                                          "location",
                                                          "max-forwards",
                                                          "origin",
                                                          "pragma",
                                                          "range",
                                                          "refresh",
                                                          "retry-after",
                                                          "set-cookie",
                                                          "set-cookie2",
                                                          "strict-transport-security",
                                                          "traceparent",
                                                          "tracestate",
                                                          "vary",
                                                          "via",
                                                          "warning",
                                                          "www-authenticate",
                                                          "x-request-id"};
static_assert(std::is_sorted(kept_out_names.begin(), kept_out_names.end()));
constexpr std::array<std::string_view, 5> kept_out_prefixes{"access-control-", "content-", "if-", "proxy-", "sec-"};
constexpr std::string_view digest = "content-digest"; // RFC 9530 section 2 allows it in trailers
constexpr std::size_t longest = 25;                   // of these names and prefixes

// Reads "name: value" with its CRLF from the front of `lines`. Returns false if there is no such line.
bool take_field(std::string_view& lines, Field& field) {
    const auto end = lines.find("\r\n");
    if (end == std::string_view::npos) return false;
    const auto line = lines.substr(0, end);
    const auto colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos) return false;
    field = {line.substr(0, colon), line.substr(colon + 1)};
    lines.remove_prefix(end + 2);
    return std::all_of(field.name.begin(), field.name.end(), is_token) &&
           std::all_of(field.value.begin(), field.value.end(), is_line);
}

} // namespace

bool may_trail(std::string_view name) {
    char folded[longest + 1]; // one more, so that a longer name does not match its prefix
    const auto size = std::min(name.size(), sizeof folded);
    std::transform(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(size), folded, fold_name);
    const std::string_view text(folded, size);
    if (identify_alias(name) != FieldId::other) return false;
    if (std::binary_search(kept_out_names.begin(), kept_out_names.end(), text)) return false;
    const auto begins = [text](std::string_view prefix) { return text.starts_with(prefix); };
    return text == digest || std::none_of(kept_out_prefixes.begin(), kept_out_prefixes.end(), begins);
}

TrailerSection::TrailerSection(std::string_view lines) : dropped_(fields_) {
    Field field;
    while (fields_.size() < max_trailer_count && take_field(lines, field))
        if (may_trail(field.name)) fields_.push_back(field);
}

void TrailerSection::drop_all(const std::unordered_set<std::string>& folded_names) {
    for (const auto& field : fields_)
        if (folded_names.contains(conf::fold_header_name(field.name))) drop(field.name);
}

void TrailerSection::drop_connection_options(std::string_view connection) {
    for_each_element(connection, [this](std::string_view option) { drop(option); });
}

std::string TrailerSection::text() const {
    std::string text;
    for (std::size_t i = 0; i < fields_.size(); ++i) {
        if (dropped_.contains(i)) continue;
        std::string value(fields_[i].value);
        std::replace_if(
            value.begin(), value.end(), [](char c) { return !is_value(c); }, ' ');
        text.append(fields_[i].name).append(": ").append(trim(value)).append("\r\n");
    }
    return text;
}

} // namespace weir::proxy::http
