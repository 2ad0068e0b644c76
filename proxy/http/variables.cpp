#include "proxy/http/variables.h"

#include "proxy/http1/chars.h"

#include <algorithm>
#include <utility>

namespace weir::proxy::http {
namespace {

std::string_view value_of(conf::HeaderVariable variable, const RequestVariables& variables) {
    const auto& target = variables.path_and_query;
    const auto query = std::min(target.find('?'), target.size());
    switch (variable) {
    case conf::HeaderVariable::client_ip: return variables.client_ip;
    case conf::HeaderVariable::host: return variables.host;
    case conf::HeaderVariable::scheme: return variables.scheme;
    case conf::HeaderVariable::tls_version: return variables.tls_version;
    case conf::HeaderVariable::tls_cipher: return variables.tls_cipher;
    case conf::HeaderVariable::client_cert_subject: return variables.subject;
    case conf::HeaderVariable::client_cert_fingerprint: return variables.fingerprint;
    case conf::HeaderVariable::method: return variables.method;
    case conf::HeaderVariable::path: return target.substr(0, query);
    case conf::HeaderVariable::query: return query == target.size() ? "" : target.substr(query + 1);
    case conf::HeaderVariable::path_and_query: return target;
    case conf::HeaderVariable::backend: return variables.backend;
    case conf::HeaderVariable::request_id: return variables.request_id;
    }
    return {};
}

// Calls `put` with the pieces of the filled-in value that are not empty.
template <class Put> void for_each_piece(std::string_view value, const RequestVariables& variables, const Put& put) {
    while (!value.empty()) {
        const auto piece = conf::take_header_piece(value);
        if (!piece.text.empty()) put(piece.text);
        const auto variable = conf::find_header_variable(piece.name);
        const auto text = variable ? value_of(*variable, variables) : std::string_view();
        if (!text.empty()) put(text);
    }
}

} // namespace

std::string fill_in_location(std::string_view value, const RequestVariables& variables) {
    std::string location;
    for_each_piece(value, variables, [&](std::string_view text) { location += text; });
    const bool begins_with_path = location.starts_with('/') && !value.starts_with("//");
    const auto second = location.find_first_not_of("/\\");
    if (begins_with_path) location.erase(1, std::min(second, location.size()) - 1);
    return location;
}

void write_filled(HeadWriter& writer, std::string_view name, std::string_view value,
                  const RequestVariables& variables) {
    if (value.find('{') == std::string_view::npos) {
        writer.field(name, value);
        return;
    }
    if (same_name(name, "location")) {
        const auto location = fill_in_location(value, variables);
        if (!location.empty()) writer.field(name, location);
        return;
    }
    bool begun = false;
    for_each_piece(value, variables, [&](std::string_view text) {
        if (!std::exchange(begun, true)) writer.put(name).put(": ");
        writer.put(text);
    });
    if (begun) writer.put("\r\n");
}

bool replaces(const conf::HeaderEdit& edit, std::string_view name) {
    const auto is_same = [&](const std::string& other) { return is_alias(other, name); };
    return std::any_of(edit.set.begin(), edit.set.end(), [&](const auto& field) { return is_same(field.first); }) ||
           std::any_of(edit.remove.begin(), edit.remove.end(), is_same);
}

void write_edited(HeadWriter& writer, const conf::HeaderEdit& edit, const RequestVariables& variables) {
    for (const auto& [name, value] : edit.set) write_filled(writer, name, value, variables);
    for (const auto& [name, value] : edit.add) write_filled(writer, name, value, variables);
}

} // namespace weir::proxy::http
