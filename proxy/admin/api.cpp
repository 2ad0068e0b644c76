#include "proxy/admin/api.h"

#include "conf/describe.h"
#include "proxy/admin/metrics.h"
#include "proxy/admin/status.h"

#include <boost/json.hpp>

namespace weir::proxy::admin {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace json = boost::json;

namespace {

Response make(const Request& request, int status, std::string body, const char* type) {
    Response response(static_cast<http::status>(status), 11);
    response.set(http::field::content_type, type);
    response.set(http::field::cache_control, "no-store");
    response.set("X-Content-Type-Options", "nosniff");
    response.keep_alive(request.keep_alive());
    response.body() = std::move(body);
    response.prepare_payload();
    return response;
}

Response make_json(const Request& request, int status, const json::value& body) {
    return make(request, status, json::serialize(body) + "\n", "application/json");
}

bool has_parameter(std::string_view target, std::string_view parameter) {
    auto query = target.substr(std::min(target.find('?'), target.size()));
    while (!query.empty()) {
        query.remove_prefix(1); // '?' or '&'
        const auto end = std::min(query.find('&'), query.size());
        if (query.substr(0, end) == parameter) return true;
        query.remove_prefix(end);
    }
    return false;
}

Response refuse(const Request& request, int status, const char* why) {
    auto response = make_json(request, status, json::object{{"error", why}});
    if (status == 401) response.set(http::field::www_authenticate, "Bearer");
    if (status == 405) response.set(http::field::allow, "GET, POST");
    return response;
}

} // namespace

asio::awaitable<Response> Api::answer(const Request& request) {
    const Caller caller{request.method_string(), request[http::field::host], request[http::field::origin],
                        request["Sec-Fetch-Site"], request[http::field::authorization]};
    // Health pages are for load balancers and orchestrators, which carry no token.
    const bool open_to_all = request.target() == "/healthz" || request.target() == "/readyz";
    const auto verdict = check_caller(caller, own_, open_to_all ? std::string_view() : token_);
    if (verdict.status != 200) co_return refuse(request, verdict.status, verdict.why);
    if (request.method() == http::verb::get) co_return show(request);
    if (request.method() != http::verb::post) co_return refuse(request, 405, "only GET and POST");
    const auto path = request.target().substr(0, request.target().find('?'));
    if (path == "/api/v1/reload") co_return co_await reload(request);
    co_return refuse(request, 404, "there is no such page");
}

asio::awaitable<Response> Api::reload(const Request& request) {
    const auto insist = has_parameter(request.target(), "force=1") ? Insist::yes : Insist::no;
    if (!has_parameter(request.target(), "wait=1")) {
        reloader_.request("command", insist);
        co_return make_json(request, 202, json::object{{"verdict", "requested"}});
    }
    const auto report = co_await reloader_.request_and_wait("command", insist);
    co_return make_json(request, report.is_success() ? 200 : 409, to_json(report));
}

Response Api::show(const Request& request) const {
    const auto path = request.target().substr(0, request.target().find('?'));
    if (path == "/healthz") return make(request, 200, "ok\n", "text/plain");
    if (path == "/readyz") return make(request, draining_ ? 503 : 200, draining_ ? "draining\n" : "ok\n", "text/plain");
    if (path == "/metrics")
        return make(request, 200, metrics(running_, reloader_), "text/plain; version=0.0.4; charset=utf-8");
    if (path == "/api/v1/status") return make_json(request, 200, status(running_, reloader_, started_));
    if (path == "/api/v1/config") return make_json(request, 200, to_json(conf::describe(running_.snapshot()->config)));
    return refuse(request, 404, "there is no such page");
}

} // namespace weir::proxy::admin
