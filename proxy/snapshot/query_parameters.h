// The parameters of a query, in the format of HTML forms: NAME=VALUE pairs separated by '&', percent-encoded, where '+'
// is a space.
//
// Thread: pure functions.
// Lifetime: a QueryParameter points into its query.
#pragma once

#include "conf/model/percent_encoding.h"

#include <algorithm>
#include <string_view>

namespace weir::proxy::http {

// A parameter as it was received. One without '=' has an empty value; one without any bytes has an empty name.
struct QueryParameter {
    std::string_view text, name, value;
};

// Calls `each` with every parameter of a query, which has no '?', in their order, until it returns true. Two separators
// in a row have an empty parameter between them. A query without bytes has no parameters.
template <class Each> void for_each_parameter(std::string_view query, const Each& each) {
    if (query.empty()) return;
    for (;;) {
        const auto end = std::min(query.find('&'), query.size());
        const auto text = query.substr(0, end);
        const auto equals = std::min(text.find('='), text.size());
        if (each(QueryParameter{text, text.substr(0, equals), text.substr(std::min(equals + 1, text.size()))})) return;
        if (end == query.size()) return;
        query.remove_prefix(end + 1);
    }
}

// Takes the next character of a name or value of a query. A malformed encoding stands for itself.
inline char take_decoded(std::string_view& text) {
    const char c = text.front();
    const int decoded = c == '%' ? conf::take_encoded(text) : -1;
    if (decoded >= 0) return static_cast<char>(decoded);
    text.remove_prefix(1);
    return c == '+' ? ' ' : c;
}

// Returns true if a name or value of a query is `text` after decoding.
inline bool decodes_to(std::string_view encoded, std::string_view text) {
    for (const char c : text)
        if (encoded.empty() || take_decoded(encoded) != c) return false;
    return encoded.empty();
}

} // namespace weir::proxy::http
