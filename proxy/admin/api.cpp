#include "proxy/admin/api.h"

#include "conf/describe.h"
#include "conf/scalar.h"
#include "proxy/admin/beat_lane.h"
#include "proxy/admin/fleet_status.h"
#include "proxy/admin/metrics.h"
#include "proxy/admin/status.h"
#include "proxy/http/chars.h"

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

constexpr std::string_view backends_path = "/api/v1/backends/", beat_path = "/api/v1/beat",
                           fleet_path = "/api/v1/fleet";

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

// %3A and the like; unset where the two digits are none.
std::optional<std::string> decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (i + 2 >= text.size() || !proxy::http::is_hex(text[i + 1]) || !proxy::http::is_hex(text[i + 2]))
            return std::nullopt;
        out += static_cast<char>(proxy::http::hex_value(text[i + 1]) * 16 + proxy::http::hex_value(text[i + 2]));
        i += 2;
    }
    return out;
}

constexpr std::string_view no_fleet = "there is no fleet: reload.lock is local";

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
    const auto verdict = check_caller(
        caller, own_,
        open_to_all || is_beat(request) /* signed with a token of its own */ ? std::string_view() : token_);
    if (verdict.status != 200) co_return refuse(request, verdict.status, verdict.why);
    if (request.method() == http::verb::get && request.target() == fleet_path) co_return co_await show_fleet(request);
    if (request.method() == http::verb::get) co_return show(request);
    if (request.method() != http::verb::post) co_return refuse(request, 405, "only GET and POST");
    const auto path = request.target().substr(0, request.target().find('?'));
    if (path == "/api/v1/reload") co_return co_await reload(request);
    if (is_beat(request)) {
        const auto answer = running_.take_beat(request.body());
        co_return make(request, answer.status, to_body(answer), "application/json");
    }
    if (path.starts_with(fleet_path)) co_return co_await change_fleet(request);
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

asio::awaitable<Response> Api::show_fleet(const Request& request) {
    auto& fleet = reloader_.changer().fleet();
    if (!fleet.is_on()) co_return refuse(request, 404, no_fleet);
    const auto view = co_await fleet.view();
    if (!view) co_return refuse(request, 503, "the fleet cannot be asked: " + fleet.problem());
    co_return make_json(request, 200, to_json(*view, running_.snapshot()->hash));
}

// /api/v1/fleet/break-lock?why=… and /api/v1/fleet/forgive?hash=…, which may be the beginning of one.
asio::awaitable<Response> Api::change_fleet(const Request& request) {
    auto& fleet = reloader_.changer().fleet();
    if (!fleet.is_on()) co_return refuse(request, 404, no_fleet);
    const auto path = request.target().substr(0, request.target().find('?'));
    const bool breaks = path == "/api/v1/fleet/break-lock";
    if (!breaks && path != "/api/v1/fleet/forgive") co_return refuse(request, 404, "there is no such page");
    lock::Result<std::uint64_t> done = 0;
    std::string hash;
    if (breaks) {
        const auto why = decode(find_parameter(request.target(), "why").value_or(""));
        done = co_await fleet.break_lock(why.value_or("").substr(0, 200));
    } else {
        const auto view = co_await fleet.view();
        if (!view) co_return refuse(request, 503, "the fleet cannot be asked: " + fleet.problem());
        const auto wanted = find_parameter(request.target(), "hash").value_or("");
        std::size_t matches = 0;
        for (const auto& bad : view->bad)
            if (wanted.size() >= 8 && bad.hash.starts_with(wanted)) hash = bad.hash, ++matches;
        if (matches != 1)
            co_return refuse(
                request, 404,
                "there is no bad configuration, or more than one, whose hash begins so; give at least 8 digits");
        done = co_await fleet.forgive(hash);
        co_await reloader_.changer().forgive(hash);
    }
    if (!done) co_return refuse(request, 503, "the fleet cannot be asked: " + fleet.problem());
    spdlog::warn("fleet: {}", breaks ? "its lock is broken by an operator" : "forgiven by an operator: " + hash);
    co_return make_json(request, 200, json::object{{"done", *done > 0}, {"hash", hash}});
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
