#include "proxy/admin/reload_status.h"

#include "base/iso_time.h"
#include "conf/model/scalar.h"
#include "proxy/admin/status.h"
#include "proxy/fleet/lock_factory.h"
#include "proxy/snapshot/override_fates.h"

#include <boost/json.hpp>

#include <algorithm>

namespace weir::proxy::admin {

namespace json = boost::json;

namespace {

const char* word(ReloadVerdict verdict) {
    switch (verdict) {
    case ReloadVerdict::applied: return "applied";
    case ReloadVerdict::unchanged: return "unchanged";
    case ReloadVerdict::refused: return "refused";
    case ReloadVerdict::rolled_back: return "rolled_back";
    case ReloadVerdict::rollback_failed: return "rollback_failed";
    }
    return "";
}

const char* word(RollbackCause cause) {
    switch (cause) {
    case RollbackCause::none: return "";
    case RollbackCause::worse: return "worse";
    case RollbackCause::aborted: return "aborted";
    case RollbackCause::newer_file: return "newer_file";
    case RollbackCause::lock_lost: return "lock_lost";
    case RollbackCause::overtaken: return "overtaken";
    }
    return "";
}

json::value hash_or_null(const std::string& hash) { return hash.empty() ? json::value() : json::value(hash); }

std::int64_t milliseconds_until(Clock::WallTime time, Clock::WallTime now) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(time - now);
    return std::max<std::int64_t>(left.count(), 0);
}

json::object watch_status(const ReloadParts& parts) {
    if (!parts.next.watches_files() || parts.next.takes_from_fleet()) return {{"mode", "off"}};
    const auto& files = parts.next.files();
    json::object out{{"mode", files.mode() == conf::WatchMode::inotify ? "inotify" : "polling"},
                     {"waits_for_writer", files.are_being_written()}};
    if (const auto& problem = files.problem()) out["problem"] = *problem;
    return out;
}

json::array denylist(const Reloader& reloader) {
    json::array denied;
    for (const auto& config : reloader.parts().store.bad())
        denied.push_back({{"hash", config.hash}, {"since", to_iso(config.since)}, {"reason", config.reason}});
    return denied;
}

} // namespace

json::object to_json(const PendingReload& pending, Clock::WallTime now) {
    json::object out{
        {"hash", hash_or_null(pending.hash)}, {"reason", pending.reason},     {"trigger", to_word(pending.trigger)},
        {"since", to_iso(pending.since)},     {"attempts", pending.attempts}, {"next_try", nullptr},
        {"next_try_in_ms", nullptr}};
    if (!pending.next_try) return out;
    out["next_try"] = to_iso(*pending.next_try);
    out["next_try_in_ms"] = milliseconds_until(*pending.next_try, now);
    return out;
}

json::object to_json(const ReloadReport& report) {
    json::array errors(report.errors.begin(), report.errors.end());
    json::array warnings(report.warnings.begin(), report.warnings.end());
    auto changes = to_json(report.plan)["changes"].as_array();
    json::object out{{"verdict", word(report.verdict)},
                     {"trigger", to_word(report.trigger)},
                     {"at", to_iso(report.at)},
                     {"took_ms", report.took.count()},
                     {"hash", report.hash},
                     {"fence", report.fence},
                     {"errors", std::move(errors)},
                     {"warnings", std::move(warnings)},
                     {"changes", std::move(changes)}};
    if (report.cause != RollbackCause::none) out["cause"] = word(report.cause);
    return out;
}

json::object to_json(const ReloadPreview& preview) {
    const auto& report = preview.report;
    auto out = to_json(report.plan);
    out["verdict"] = word(report.verdict);
    out["hash"] = report.hash;
    out["errors"] = json::array(report.errors.begin(), report.errors.end());
    out["denylisted"] = preview.is_denylisted;
    out["overrides"] = to_json(preview.overrides);
    out["notes"] = json::array(preview.notes.begin(), preview.notes.end());
    return out;
}

json::array to_json(const std::vector<OverrideFate>& fates) {
    const char* kinds[] = {"stays", "moves", "ends"};
    json::array out;
    for (const auto& fate : fates)
        out.push_back({{"pool", fate.pool},
                       {"backend", fate.backend},
                       {"fate", kinds[static_cast<int>(fate.kind)]},
                       {"to", fate.kind == OverrideFate::Kind::moves ? fate.to_pool + "/" + fate.to : ""},
                       {"text", fate.text()}});
    return out;
}

json::object reload_status(const Reloader& reloader, const Runtime& runtime, Clock::WallTime now) {
    json::object out{{"in_progress", reloader.in_progress()},
                     {"last", to_json(reloader.last())},
                     {"pending", nullptr},
                     {"window", nullptr},
                     {"watch", watch_status(reloader.parts())},
                     {"denylist", denylist(reloader)}};
    if (const auto& pending = reloader.pending()) out["pending"] = to_json(*pending, now);
    if (const auto left = reloader.parts().canary.window().left()) {
        out["watched_for_ms"] = left->count();
        out["window"] = {{"hash", runtime.snapshot()->hash},
                         {"left_ms", std::max<std::int64_t>(left->count(), 0)},
                         {"ends_at", to_iso(now + *left)}};
    }
    return out;
}

json::object lock_status(const conf::LockSettings& lock, const ReloadParts& parts) {
    json::object out{{"type", conf::Scalar<conf::LockType>::format(lock.type)},
                     {"fleet", lock.fleet},
                     {"held", parts.locked.lock_use() == LockUse::held},
                     {"waiting", parts.locked.lock_use() == LockUse::waiting}};
    const auto& fleet = parts.fleet();
    const bool is_own = parts.locked.lock_use() == LockUse::held;
    const auto& holder = fleet.lock_holder();
    out["fence"] = std::max(fleet.fence(), parts.state.in_force.fence);
    out["holder"] = nullptr;
    if (is_own) out["holder"] = fleet.records() ? fleet.name() : "this process";
    else if (!holder.empty()) out["holder"] = holder;
    if (!fleet.records()) return out;
    out["member"] = member_name(lock);
    out["reachable"] = fleet.is_reachable();
    out["heard_at"] = fleet.heard() ? json::value(to_iso(*fleet.heard())) : json::value();
    out["fence_alarms"] = fleet.fence_alarms();
    json::array servers;
    for (const auto& server : fleet.servers())
        servers.push_back({{"url", server.url}, {"persistence", lock::to_word(server.persistence)}});
    out["servers"] = std::move(servers);
    if (const auto& problem = fleet.problem()) out["problem"] = problem->message();
    return out;
}

json::array overrides_status(const Runtime& runtime) {
    json::array out;
    for (const auto& [key, setting] : runtime.adjustments().operator_overrides.all()) {
        json::object entry{{"pool", key.first}, {"backend", key.second}, {"address", setting.address.text()}};
        if (setting.state) entry["state"] = conf::Scalar<conf::AdminState>::format(*setting.state);
        if (setting.weight) entry["weight"] = *setting.weight;
        entry["in_force"] = is_override_in_force(runtime.snapshot()->config, key.first, key.second, setting);
        out.push_back(std::move(entry));
    }
    return out;
}

} // namespace weir::proxy::admin
