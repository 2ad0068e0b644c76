#include "proxy/admin/api.h"

#include "conf/describe.h"
#include "conf/scalar.h"
#include "proxy/admin/metrics.h"
#include "proxy/admin/status.h"

#include <boost/json.hpp>
#include <spdlog/spdlog.h>

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

constexpr std::string_view backends_path = "/api/v1/backends/";

// The value of a parameter in the query; unset where it is not there.
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

// Puts what a query asks for over what was changed before; "file" takes it back. Returns what is wrong with it.
std::string read_override(std::string_view target, Override& change) {
    std::string why;
    const auto state = find_parameter(target, "state"), weight = find_parameter(target, "weight");
    if (!state && !weight) return "say state=drain, maint, ready or file, or weight=1 to 256 or file";
    if (state == "file") change.state.reset();
    else if (state) change.state = conf::Scalar<conf::AdminState>::parse(*state, why);
    if (!why.empty()) return "state: " + why;
    if (weight == "file") change.weight.reset();
    else if (weight) change.weight = static_cast<std::uint32_t>(conf::parse_whole(*weight, 1, 256, why));
    return why.empty() ? "" : "weight: " + why;
}

// One backend out of the whole status.
json::value find_backend(const json::object& status, std::string_view pool, std::string_view backend) {
    for (const auto& p : status.at("pools").as_array())
        for (const auto& b : p.at("backends").as_array())
            if (p.at("name").as_string() == pool && b.at("name").as_string() == backend) return b;
    return nullptr;
}

Response refuse(const Request& request, int status, std::string_view why) {
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
    if (path.starts_with(backends_path)) co_return co_await change_backend(request);
    co_return refuse(request, 404, "there is no such page");
}

asio::awaitable<Response> Api::reload(const Request& request) {
    const auto insist = is_set(request.target(), "force") ? Insist::yes : Insist::no;
    if (!is_set(request.target(), "wait")) {
        reloader_.request("command", insist);
        co_return make_json(request, 202, json::object{{"verdict", "requested"}});
    }
    const auto report = co_await reloader_.request_and_wait("command", insist);
    co_return make_json(request, report.is_success() ? 200 : 409, to_json(report));
}

// /api/v1/backends/POOL/BACKEND?state=…&weight=…
asio::awaitable<Response> Api::change_backend(const Request& request) {
    const std::string_view target = request.target();
    const auto path = target.substr(0, target.find('?')).substr(backends_path.size());
    const auto slash = path.find('/');
    const std::string pool(path.substr(0, slash)), backend(slash == path.npos ? "" : path.substr(slash + 1));
    auto change = running_.overrides().find(pool, backend);
    if (const auto why = read_override(target, change); !why.empty()) co_return refuse(request, 400, why);
    const bool known = co_await running_.set_override(pool, backend, change);
    if (!known) co_return refuse(request, 404, "there is no backend " + pool + "/" + backend);
    spdlog::info("backend {}/{}: state {}, weight {}", pool, backend,
                 change.state ? conf::Scalar<conf::AdminState>::format(*change.state) : "as the file says",
                 change.weight ? std::to_string(*change.weight) : "as the file says");
    co_return make_json(request, 200, find_backend(status(running_, reloader_, started_), pool, backend));
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
