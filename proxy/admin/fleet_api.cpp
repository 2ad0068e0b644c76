#include "proxy/admin/fleet_api.h"

#include "proxy/admin/fleet_status.h"
#include "proxy/admin/query.h"
#include "proxy/admin/reload_status.h"
#include "proxy/admin/status.h"

#include <boost/json.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace weir::proxy::admin {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
namespace json = boost::json;

namespace {

constexpr std::string_view root = "/api/v1/fleet";

Response cannot_ask(const Request& request, const Error& error) {
    return refuse(request, 503, "cannot reach the fleet: " + error.message());
}

Response done(const Request& request, bool done, const std::string& hash) {
    return make_json(request, 200, json::object{{"done", done}, {"hash", hash}});
}

} // namespace

bool FleetApi::is_meant(const Request& request) {
    const auto path = path_of(request);
    return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

asio::awaitable<Response> FleetApi::answer(const Request& request) {
    auto& fleet = reloader_.parts().fleet();
    const auto records = fleet.records();
    const auto configs = fleet.configs();
    if (!records) co_return refuse(request, 404, "there is no fleet: reload.lock.type is local");
    const auto path = path_of(request).substr(root.size());
    if (path.empty() && is_read(request)) co_return co_await show(request, records);
    const bool known =
        path == "/break-lock" || path == "/unban" || path == "/forgive" || path == "/push" || path == "/rollback";
    if (!known) co_return refuse(request, 404, "no such resource");
    if (request.method() != beast_http::verb::post) co_return refuse(request, 405, "method not allowed: use POST");
    if (path == "/break-lock") co_return co_await break_lock(request, records);
    if (path == "/unban" || path == "/forgive") // the second is the old name
        co_return co_await unban(request, records);
    if (path == "/push") co_return co_await push(request, records, configs);
    co_return co_await roll_back(request, records, configs);
}

asio::awaitable<Response> FleetApi::show(const Request& request, Records records) {
    const auto view = co_await records->view();
    if (!view) co_return cannot_ask(request, view.error());
    co_return make_json(request, 200, to_json(*view, reloader_.parts().hash_in_force()));
}

// The query may contain ?reason=…
asio::awaitable<Response> FleetApi::break_lock(const Request& request, Records records) {
    const auto text = find_parameter(request.target(), "reason");
    const auto reason = decode(text.value_or("")).value_or("").substr(0, 200);
    lock::FleetChange note{0, "", reloader_.parts().fleet().name(), lock::ChangeVerdict::broken, reason, wall_seconds(),
                           0};
    const auto broken = co_await records->break_lock(std::move(note));
    if (!broken) co_return cannot_ask(request, broken.error());
    spdlog::warn("fleet: an operator broke the lock: {}", reason);
    co_return done(request, *broken > 0, "");
}

// The query contains ?hash=…, a hash or a prefix of at least 8 digits.
asio::awaitable<Response> FleetApi::unban(const Request& request, Records records) {
    const auto view = co_await records->view();
    if (!view) co_return cannot_ask(request, view.error());
    const auto wanted = find_parameter(request.target(), "hash").value_or("");
    std::string hash;
    std::size_t matches = 0;
    for (const auto& bad : view->denylist)
        if (wanted.size() >= 8 && bad.hash.starts_with(wanted)) hash = bad.hash, ++matches;
    if (matches != 1)
        co_return refuse(request, 404,
                         "the denylist has no entry, or more than one, whose hash begins like this; give at least 8 "
                         "digits");
    const auto unbanned = co_await records->unban(hash);
    if (!unbanned) co_return cannot_ask(request, unbanned.error());
    co_await reloader_.parts().store.unban(hash);
    spdlog::warn("fleet: an operator unbanned configuration {}", hash);
    co_return done(request, *unbanned > 0, hash);
}

// The body is a configuration with all its files (conf/store/last_good.h). With ?dry=1 it is only checked.
asio::awaitable<Response> FleetApi::push(const Request& request, Records records, Configs configs) {
    auto bundle = conf::last_good_from(request.body());
    if (!bundle) co_return refuse(request, 400, bundle.error().message());
    if (request.body().size() > lock::FleetConfigs::max_text_size)
        co_return refuse(request, 413, "a fleet's configuration is limited to 512 KiB, including all its files");
    co_return co_await push_bundle(request, std::move(records), std::move(configs), std::move(*bundle));
}

asio::awaitable<Response> FleetApi::roll_back(const Request& request, Records records, Configs configs) {
    auto item = co_await configs->last_good();
    if (!item) co_return cannot_ask(request, item.error());
    if (!*item)
        co_return refuse(request, 404,
                         "none of the last pushed configurations has passed its canary window; push one that does");
    auto bundle = conf::last_good_from((*item)->text);
    if (!bundle) co_return refuse(request, 500, bundle.error().message());
    co_return co_await push_bundle(request, std::move(records), std::move(configs), std::move(*bundle));
}

// Pushes a configuration under a version number above those that the servers and the members know.
asio::awaitable<Response> FleetApi::push_bundle(const Request& request, Records records, Configs configs,
                                                conf::LastGood bundle) {
    auto text = conf::to_text(bundle);
    const auto report = co_await reloader_.parts().previewer.examine(std::move(bundle.files));
    if (report.hash != bundle.hash) co_return refuse(request, 400, "the hash does not match the files");
    auto out = to_json(report);
    const bool refused = report.verdict == ReloadVerdict::refused;
    if (refused || is_set(request.target(), "dry")) co_return make_json(request, refused ? 409 : 200, out);
    const auto view = co_await records->view();
    if (!view) co_return cannot_ask(request, view.error());
    auto& fleet = reloader_.parts().fleet();
    lock::FleetVersion version{fleet.newest().number, bundle.hash, fleet.name(), wall_seconds()};
    for (const auto& member : view->members) version.number = std::max(version.number, member.pushed_version);
    if (std::none_of(view->members.begin(), view->members.end(), [](const auto& m) { return m.takes_pushed; }))
        co_return refuse(request, 409, "no member takes its configuration from the fleet (reload.source: fleet)");
    const auto number = co_await configs->push(std::move(version), std::move(text));
    if (!number && number.error() == lock::LockError::lost)
        co_return refuse(request, 409, "another configuration was pushed at the same time; check it, then push again");
    if (!number) co_return cannot_ask(request, number.error());
    spdlog::info("fleet: configuration {} pushed as version {}", bundle.hash.substr(0, 12), *number);
    fleet.send_heartbeat_soon(); // the next reply contains the new version
    out["version"] = *number;
    co_return make_json(request, 200, out);
}

} // namespace weir::proxy::admin
