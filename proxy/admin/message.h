// The messages of the admin API.
//
// Thread: any.
// Lifetime: results own what they hold.
#pragma once

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json/fwd.hpp>

#include <string>
#include <string_view>

namespace weir::proxy::admin {

using Request = boost::beast::http::request<boost::beast::http::string_body>;
using Response = boost::beast::http::response<boost::beast::http::string_body>;

Response make(const Request& request, int status, std::string body, const char* type);
Response make_json(const Request& request, int status, const boost::json::value& body);
// {"error": "…"}, with what else the status asks for.
Response refuse(const Request& request, int status, std::string_view why);

} // namespace weir::proxy::admin
