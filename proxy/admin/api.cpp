#include "proxy/admin/api.h"

#include "conf/model/scalar.h"
#include "conf/plan/describe.h"
#include "conf/store/last_good.h"
#include "proxy/admin/heartbeat_connections.h"
#include "proxy/admin/metrics.h"
#include "proxy/admin/query.h"
#include "proxy/admin/reload_status.h"
#include "proxy/admin/status.h"
#include "proxy/http1/chars.h"

#include <boost/json.hpp>
#include <spdlog/spdlog.h>

namespace weir::proxy::admin {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
namespace json = boost::json;

namespace {

constexpr std::string_view backends_path = "/api/v1/backends/", beat_path = "/api/v1/beat", plan_path = "/api/v1/plan";
constexpr std::string_view nothing_to_abort =
    "nothing to abort: no canary window is open (weir status shows what is pending)";
constexpr std::size_t max_waiting = 64; // requests that wait for a reload, an abort or a preview

using Edit = std::function<void(Override&)>;

// Returns what the state and the weight of a query change in an override; "file" clears one.
Result<Edit> read_edit(std::string_view target) {
    const auto state = find_parameter(target, "state"), weight = find_parameter(target, "weight");
    if (!state && !weight)
        return Error("the query must contain state=drain, maint, ready or file, or weight=1 to 256 or file");
    Override wanted;
    if (state && *state != "file") {
        const auto parsed = conf::Scalar<conf::AdminState>::parse(*state);
        if (!parsed) return Error("state: " + parsed.error().message());
        wanted.state = *parsed;
    }
    if (weight && *weight != "file") {
        const auto parsed = conf::parse_whole(*weight, 1, 256);
        if (!parsed) return Error("weight: " + parsed.error().message());
        wanted.weight = static_cast<std::uint32_t>(*parsed);
    }
    return Edit([wanted, has_state = state.has_value(), has_weight = weight.has_value()](Override& change) {
        if (has_state) change.state = wanted.state;
        if (has_weight) change.weight = wanted.weight;
    });
}

} // namespace

Verdict Api::check(const RequestHeader& request) const {
    const Caller caller{request.method_string(), request[beast_http::field::host], request[beast_http::field::origin],
                        request["Sec-Fetch-Site"], request[beast_http::field::authorization]};
    const auto path = path_of(request);
    auto protection = Protection::credential;
    if (path == "/healthz" || path == "/readyz") protection = Protection::none;
    if (is_heartbeat(request)) protection = Protection::signature;
    return check_caller(caller, rules_, protection);
}

std::size_t Api::max_body(const RequestHeader& request) {
    if (path_of(request) == "/api/v1/fleet/push") return 1u << 20;
    if (path_of(request) == plan_path) return 5u << 20; // the files of a configuration are limited to 4 MiB
    return 4096;
}

asio::awaitable<Response> Api::answer(const Request& request) {
    auto response = co_await route(request);
    // Content-Length stays that of the response to a GET (RFC 9110 section 9.3.2).
    if (request.method() == beast_http::verb::head) response.body().clear();
    co_return response;
}

asio::awaitable<Response> Api::route(const Request& request) {
    if (FleetApi::is_meant(request)) co_return co_await fleet_.answer(request);
    if (is_read(request)) co_return show(request);
    if (request.method() != beast_http::verb::post)
        co_return refuse(request, 405, "method not allowed: use GET, HEAD or POST");
    const auto path = path_of(request);
    if (path == "/api/v1/reload") co_return co_await reload(request);
    if (path == "/api/v1/reload/abort") co_return co_await abort_reload(request);
    if (path == plan_path) co_return co_await plan(request);
    if (is_heartbeat(request)) {
        const auto answer = runtime_.take_heartbeat(request.body());
        co_return make(request, answer.status, to_body(answer), "application/json");
    }
    if (path.starts_with(backends_path)) co_return co_await change_backend(request);
    co_return refuse(request, 404, "no such resource");
}

std::optional<HeartbeatAnswer> Api::answer_heartbeat(const proxy::http::RequestHead& head,
                                                     std::string_view body) const {
    if (leaving_ || head.method != "POST" || head.path != beat_path) return std::nullopt;
    const auto find = [&](std::string_view name) {
        const auto it = std::find_if(head.fields.begin(), head.fields.end(),
                                     [&](const auto& f) { return proxy::http::same_name(f.name, name); });
        return it == head.fields.end() ? std::string_view() : it->value;
    };
    const Caller caller{head.method, head.authority, find("Origin"), find("Sec-Fetch-Site"), ""};
    if (check_caller(caller, rules_, Protection::signature).status != 200) return std::nullopt;
    return runtime_.take_heartbeat(body);
}

bool Api::is_heartbeat(const RequestHeader& request) { return request.target() == beat_path; }

asio::awaitable<Response> Api::reload(const Request& request) {
    const auto force = is_set(request.target(), "force") ? Force::yes : Force::no;
    if (!is_set(request.target(), "wait")) {
        reloader_.request(ReloadTrigger::command, force);
        co_return make_json(request, 202, json::object{{"verdict", "requested"}});
    }
    if (waiting_ >= max_waiting) co_return refuse(request, 503, "too many requests are already waiting for a reload");
    ++waiting_;
    const auto report = co_await reloader_.request_and_wait(ReloadTrigger::command, force);
    --waiting_;
    co_return make_json(request, report.is_success() ? 200 : 409, to_json(report));
}

// Ends the open canary window, waits for the rollback and responds with its report.
asio::awaitable<Response> Api::abort_reload(const Request& request) {
    if (waiting_ >= max_waiting) co_return refuse(request, 503, "too many requests are already waiting for a reload");
    ++waiting_;
    const auto report = co_await reloader_.abort();
    --waiting_;
    if (!report) co_return refuse(request, 409, nothing_to_abort);
    co_return make_json(request, 200, to_json(*report));
}

// The body is a configuration with all its files (conf/store/last_good.h). If it is empty, the preview is of the file
// that a reload would read.
asio::awaitable<Response> Api::plan(const Request& request) {
    if (waiting_ >= max_waiting) co_return refuse(request, 503, "too many requests are already waiting for a reload");
    std::vector<conf::SourceFile> files;
    if (!request.body().empty()) {
        auto bundle = conf::last_good_from(request.body());
        if (!bundle) co_return refuse(request, 400, bundle.error().message());
        files = std::move(bundle->files);
    }
    ++waiting_;
    const auto preview = co_await reloader_.parts().previewer.preview(std::move(files));
    --waiting_;
    co_return make_json(request, 200, to_json(preview));
}

// /api/v1/backends/POOL/BACKEND?state=…&weight=…
asio::awaitable<Response> Api::change_backend(const Request& request) {
    if (upgrading_ || leaving_) co_return refuse(request, 503, "an upgrade is in progress: try again later");
    const std::string_view target = request.target();
    const auto path = target.substr(0, target.find('?')).substr(backends_path.size());
    const auto slash = path.find('/');
    const auto pool = decode(path.substr(0, slash));
    const auto backend = decode(slash == path.npos ? "" : path.substr(slash + 1));
    const auto edit = read_edit(target);
    if (!edit) co_return refuse(request, 400, edit.error().message());
    const std::string query(target.substr(target.find('?')));
    bool known = pool && backend;
    if (known) known = co_await runtime_.set_override(*pool, *backend, *edit);
    if (!known) co_return refuse(request, 404, "there is no backend " + std::string(path));
    spdlog::info("backend {}/{} changed at run time: {}", *pool, *backend, query.substr(1));
    co_return make_json(request, 200, backend_status(runtime_, *pool, *backend, clock_.now()));
}

Response Api::show(const Request& request) const {
    const auto path = path_of(request);
    if (path == "/healthz") return make(request, 200, "ok\n", "text/plain");
    if (path == "/readyz") return make(request, draining_ ? 503 : 200, draining_ ? "draining\n" : "ok\n", "text/plain");
    if (path == "/metrics")
        return make(request, 200, metrics(runtime_, reloader_), "text/plain; version=0.0.4; charset=utf-8");
    if (path == "/api/v1/status") return make_json(request, 200, status(runtime_, reloader_, clock_, started_));
    if (path == "/api/v1/config") return make_json(request, 200, to_json(conf::describe(runtime_.snapshot()->config)));
    return refuse(request, 404, "no such resource");
}

} // namespace weir::proxy::admin
