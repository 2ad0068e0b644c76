#include "proxy/snapshot/route_conditions.h"

#include "proxy/http1/chars.h"
#include "proxy/snapshot/query_parameters.h"

#include <algorithm>

namespace weir::proxy::http {
namespace {

// Sees what a backend would see: every spelling of the name, except of names that weir knows, whose other spellings are
// not forwarded; and no field that only a trusted proxy may send.
bool has_field(const RoutedRequest& request, std::string_view name, std::string_view value) {
    const auto& fields = request.head.fields;
    const auto id = identify_alias(name);
    if (request.trust == Trust::untrusted && is_forwarding_field(id)) return false;
    return std::any_of(fields.begin(), fields.end(), [&](const Field& field) {
        const bool same = id == FieldId::other ? is_alias(field.name, name) : same_name(field.name, name);
        return same && (value == "*" || field.value == value);
    });
}

std::string_view query_of(std::string_view path) {
    const auto mark = path.find('?');
    return mark == std::string_view::npos ? std::string_view() : path.substr(mark + 1);
}

} // namespace

RouteConditions::RouteConditions(const conf::Match& match, std::size_t workers)
    : methods_(match.methods), headers_(match.headers), query_(match.query), clients_({match.clients, {}}),
      path_(match.path_regex, workers) {}

bool RouteConditions::has_any(const conf::Match& match) {
    return !match.path_regex.empty() || !match.methods.empty() || !match.headers.empty() || !match.query.empty() ||
           !match.clients.empty();
}

bool RouteConditions::allows_method(std::string_view method) const {
    return methods_.empty() || std::find(methods_.begin(), methods_.end(), method) != methods_.end();
}

bool RouteConditions::hold(const RoutedRequest& request) const {
    const auto& head = request.head;
    if (!allows_method(head.method)) return false;
    if (!clients_.allow(request.client)) return false;
    for (const auto& [name, value] : headers_)
        if (!has_field(request, name, value)) return false;
    for (const auto& [name, value] : query_)
        if (!has_parameter(query_of(head.path), name, value)) return false;
    return path_.empty() || path_.is_found_in(request.path, request.worker);
}

bool has_parameter(std::string_view query, std::string_view name, std::string_view value) {
    bool found = false;
    for_each_parameter(query, [&](const QueryParameter& parameter) {
        return found = decodes_to(parameter.name, name) && (value == "*" || decodes_to(parameter.value, value));
    });
    return found;
}

} // namespace weir::proxy::http
