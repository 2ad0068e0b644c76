#include "proxy/admin/api.h"

#include "conf/describe.h"
#include "conf/scalar.h"
#include "proxy/admin/beat_lane.h"
#include "proxy/admin/metrics.h"
#include "proxy/admin/query.h"
#include "proxy/admin/status.h"
#include "proxy/http/chars.h"

#include <boost/json.hpp>
#include <spdlog/spdlog.h>

namespace weir::proxy::admin {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace json = boost::json;

namespace {

constexpr std::string_view backends_path = "/api/v1/backends/", beat_path = "/api/v1/beat";

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

} // namespace

asio::awaitable<Response> Api::answer(const Request& request) {
    const Caller caller{request.method_string(), request[http::field::host], request[http::field::origin],
                        request["Sec-Fetch-Site"], request[http::field::authorization]};
    // Health pages are for load balancers and orchestrators, which carry no token.
    const bool open_to_all = request.target() == "/healthz" || request.target() == "/readyz";
    const auto verdict = check_caller(
        caller, own_,
        open_to_all || is_beat(request) /* signed with a token of its own */ ? std::string_view() : token_);
    if (verdict.status != 200) co_return refuse(request, verdict.status, verdict.why);
    if (FleetApi::is_meant(request)) co_return co_await fleet_.answer(request);
    if (request.method() == http::verb::get) co_return show(request);
    if (request.method() != http::verb::post) co_return refuse(request, 405, "only GET and POST");
    const auto path = request.target().substr(0, request.target().find('?'));
    if (path == "/api/v1/reload") co_return co_await reload(request);
    if (is_beat(request)) {
        const auto answer = running_.take_beat(request.body());
        co_return make(request, answer.status, to_body(answer), "application/json");
    }
    if (path.starts_with(backends_path)) co_return co_await change_backend(request);
    co_return refuse(request, 404, "there is no such page");
}

std::optional<BeatAnswer> Api::answer_beat(const proxy::http::RequestHead& head, std::string_view body) const {
    if (leaving_ || head.method != "POST" || head.path != beat_path) return std::nullopt;
    const auto find = [&](std::string_view name) {
        const auto it = std::find_if(head.fields.begin(), head.fields.end(),
                                     [&](const auto& f) { return proxy::http::same_name(f.name, name); });
        return it == head.fields.end() ? std::string_view() : it->value;
    };
    const Caller caller{head.method, head.authority, find("Origin"), find("Sec-Fetch-Site"), ""};
    if (check_caller(caller, own_, "").status != 200) return std::nullopt;
    return running_.take_beat(body);
}

bool Api::is_beat(const Request& request) { return request.target() == beat_path; }

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
    if (upgrading_ || leaving_) co_return refuse(request, 503, "an upgrade is under way: try again");
    const std::string_view target = request.target();
    const auto path = target.substr(0, target.find('?')).substr(backends_path.size());
    const auto slash = path.find('/');
    const auto pool = decode(path.substr(0, slash));
    const auto backend = decode(slash == path.npos ? "" : path.substr(slash + 1));
    Override tried;
    if (const auto why = read_override(target, tried); !why.empty()) co_return refuse(request, 400, why);
    const std::string query(target.substr(target.find('?')));
    std::function<void(Override&)> edit = [query](Override& change) { read_override(query, change); };
    bool known = pool && backend;
    if (known) known = co_await running_.set_override(*pool, *backend, std::move(edit));
    if (!known) co_return refuse(request, 404, "there is no backend " + std::string(path));
    spdlog::info("backend {}/{} is changed at run time: {}", *pool, *backend, query.substr(1));
    co_return make_json(request, 200, backend_status(running_, *pool, *backend));
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
