// HTTP messages of the admin API.
//
// Thread: any.
// Lifetime: results own their data.
#pragma once

#include "base/clock.h"

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json/fwd.hpp>

#include <string>
#include <string_view>

namespace weir::proxy::admin {

using RequestHeader = boost::beast::http::request_header<>;
using Request = boost::beast::http::request<boost::beast::http::string_body>;
using Response = boost::beast::http::response<boost::beast::http::string_body>;

// Returns the request target without its query.
std::string_view path_of(const RequestHeader& request);
// Returns true if the method is GET or HEAD.
bool is_read(const RequestHeader& request);

// Returns the value of the Date field, which is set when a response is sent (RFC 9110 section 6.6.1).
std::string format_date(Clock::WallTime now);

Response make(const Request& request, int status, std::string body, const char* type);
Response make_json(const Request& request, int status, const boost::json::value& body);
// Returns an {"error": "…"} response with the header fields that the status requires.
Response refuse(const Request& request, int status, std::string_view reason);

} // namespace weir::proxy::admin
