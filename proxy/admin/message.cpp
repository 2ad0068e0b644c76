#include "proxy/admin/message.h"

#include "proxy/http1/date.h"

#include <boost/json.hpp>

namespace weir::proxy::admin {

namespace beast_http = boost::beast::http;
namespace json = boost::json;

std::string_view path_of(const RequestHeader& request) {
    const std::string_view target = request.target();
    return target.substr(0, target.find('?'));
}

bool is_read(const RequestHeader& request) {
    return request.method() == beast_http::verb::get || request.method() == beast_http::verb::head;
}

std::string format_date(Clock::WallTime now) { return std::string(proxy::http::DateClock().text(now)); }

Response make(const Request& request, int status, std::string body, const char* type) {
    Response response(static_cast<beast_http::status>(status), 11);
    response.set(beast_http::field::content_type, type);
    response.set(beast_http::field::cache_control, "no-store");
    response.set("X-Content-Type-Options", "nosniff");
    response.keep_alive(request.keep_alive());
    response.body() = std::move(body);
    response.prepare_payload();
    return response;
}

Response make_json(const Request& request, int status, const json::value& body) {
    return make(request, status, json::serialize(body) + "\n", "application/json");
}

Response refuse(const Request& request, int status, std::string_view reason) {
    auto response = make_json(request, status, json::object{{"error", reason}});
    if (status == 401) response.set(beast_http::field::www_authenticate, "Bearer realm=\"weir\"");
    if (status == 405) response.set(beast_http::field::allow, "GET, HEAD, POST");
    if (status == 503) response.set(beast_http::field::retry_after, "1");
    return response;
}

} // namespace weir::proxy::admin
