// The variables in values that a route sets, such as "{client_ip}" (conf/model/header_value.h).
//
// Thread: pure functions and values.
// Lifetime: RequestVariables points into the request and the configuration.
#pragma once

#include "conf/model/config.h"
#include "conf/model/header_value.h"
#include "proxy/http1/head_writer.h"

#include <string>
#include <string_view>

namespace weir::proxy::http {

// The values of the variables for one request; empty if a variable has no value.
struct RequestVariables {
    std::string_view client_ip, host, scheme;
    std::string_view method, path_and_query;  // the path is in its normal form, before it is rewritten
    std::string_view tls_version, tls_cipher; // of the client's connection
    std::string_view subject, fingerprint;    // of the client's verified certificate
    std::string_view request_id{};
    std::string_view backend{}; // the name of the backend that has responded
};

// Returns the URL of a Location field with its variables filled in. If it begins with the client's path, browsers must
// not take that for another host: "//host" and "/\host" would lead there.
std::string fill_in_location(std::string_view value, const RequestVariables& variables);

// Writes a header with its variables filled in. If the resulting value is empty, writes nothing.
void write_filled(HeadWriter& writer, std::string_view name, std::string_view value, const RequestVariables& variables);

// Returns true if `edit` sets or removes a header, in any spelling that backends read as the same name.
bool replaces(const conf::HeaderEdit& edit, std::string_view name);

// Writes the headers that `edit` sets and adds.
void write_edited(HeadWriter& writer, const conf::HeaderEdit& edit, const RequestVariables& variables);

} // namespace weir::proxy::http
