#include "proxy/admin/query.h"

#include "proxy/http1/chars.h"

#include <algorithm>

namespace weir::proxy::admin {

std::optional<std::string_view> find_parameter(std::string_view target, std::string_view name) {
    auto query = target.substr(std::min(target.find('?'), target.size()));
    while (!query.empty()) {
        query.remove_prefix(1); // '?' or '&'
        const auto pair = query.substr(0, query.find('&'));
        if (pair.starts_with(name) && pair.size() > name.size() && pair[name.size()] == '=')
            return pair.substr(name.size() + 1);
        query.remove_prefix(pair.size());
    }
    return std::nullopt;
}

bool is_set(std::string_view target, std::string_view name) { return find_parameter(target, name) == "1"; }

std::optional<std::string> decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (i + 2 >= text.size() || !proxy::http::is_hex(text[i + 1]) || !proxy::http::is_hex(text[i + 2]))
            return std::nullopt;
        out += static_cast<char>(proxy::http::hex_value(text[i + 1]) * 16 + proxy::http::hex_value(text[i + 2]));
        i += 2;
    }
    return out;
}

} // namespace weir::proxy::admin
