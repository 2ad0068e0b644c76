#include "proxy/admin/status.h"

#include "conf/scalar.h"
#include "proxy/iso_time.h"
#include "proxy/lock_maker.h"
#include "proxy/version.h"

#include <boost/json.hpp>

#include <unistd.h>

namespace weir::proxy::admin {

namespace json = boost::json;

namespace {

const char* word(ReloadVerdict verdict) {
    switch (verdict) {
    case ReloadVerdict::applied: return "applied";
    case ReloadVerdict::unchanged: return "unchanged";
    case ReloadVerdict::refused: return "refused";
    case ReloadVerdict::rolled_back: return "rolled_back";
    case ReloadVerdict::stuck: return "stuck";
    }
    return "";
}

// What an operator wants to know first: what was asked for, and only then what health says.
std::string state_of(const MemberSpec& member) {
    if (member.state != conf::AdminState::ready) return conf::Scalar<conf::AdminState>::format(member.state);
    if (member.backend->verdict() != balancer::Verdict::down &&
        member.backend->ejection() == balancer::Ejection::ejected)
        return "ejected";
    switch (member.backend->verdict()) {
    case balancer::Verdict::up: return "up";
    case balancer::Verdict::down: return "down";
    case balancer::Verdict::unknown: break;
    }
    return "unknown";
}

json::object backend_status(const conf::Backend& config, const MemberSpec& member, const Running& running) {
    using Counters = balancer::BackendCounters;
    const auto& backend = *member.backend;
    const auto* health = running.health().monitor().find(backend);
    json::object out{{"name", backend.name()},
                     {"address", backend.address().text()},
                     {"state", state_of(member)},
                     {"weight", member.weight},
                     {"backup", config.backup},
                     {"requests", backend.total(&Counters::requests)},
                     {"failures", backend.total(&Counters::failures)},
                     {"outlier_ejections", running.health().ejector().ejections(backend)},
                     {"active", backend.total(&Counters::active)},
                     {"idle", backend.total(&Counters::idle)}};
    const auto over = running.adjustments().order_for(backend.pool(), config.name, backend.name());
    if (!over.is_empty()) { // what the file says, beside what is in force
        out["file"] = {{"state", conf::Scalar<conf::AdminState>::format(config.state)}, {"weight", config.weight}};
        out["override"] = json::object();
        if (over.state) out["override"].as_object()["state"] = conf::Scalar<conf::AdminState>::format(*over.state);
        if (over.weight) out["override"].as_object()["weight"] = *over.weight;
    }
    if (const auto wish = running.adjustments().wishes.find(backend.pool(), backend.name()); !wish.is_empty()) {
        out["wish"] = json::object(); // of the backend itself, in its beats
        if (wish.state) out["wish"].as_object()["state"] = conf::Scalar<conf::AdminState>::format(*wish.state);
        if (wish.weight) out["wish"].as_object()["weight"] = *wish.weight;
    }
    if (config.address.is_name()) out["host"] = config.address.text();
    if (!health) return out;
    out["since"] = to_iso(health->since);
    out["checks"] = health->checks;
    out["failed_checks"] = health->failed_checks;
    out["ejections"] = health->ejections;
    out["passes_in_a_row"] = health->progress.passes;
    out["failures_in_a_row"] = health->progress.failures;
    if (!health->why.empty()) out["last_failure"] = health->why;
    return out;
}

json::array pools_status(const Running& running) {
    json::array pools;
    for (const auto& pool : running.snapshot()->pools) {
        json::array backends;
        for (const auto& member : pool->members)
            backends.push_back(backend_status(pool->config_of(member), member, running));
        json::object entry{{"name", pool->config.name},
                           {"algorithm", conf::Scalar<conf::Algorithm>::format(pool->config.algorithm)}};
        if (pool->config.queue && !pool->members.empty())
            entry["queue"] = {{"length", pool->members[0].backend->pool_state().waiting()},
                              {"max", pool->config.queue->max}};
        entry["backends"] = std::move(backends);
        pools.push_back(std::move(entry));
    }
    return pools;
}

json::array listeners_status(const Running& running) {
    json::array listeners;
    for (const auto& listener : running.snapshot()->listeners) {
        std::uint64_t connections = 0, active = 0;
        for (const auto& worker : listener->stats->workers) {
            connections += worker.connections.read();
            active += worker.active.read();
        }
        listeners.push_back({{"name", listener->config.name},
                             {"address", listener->config.address.text()},
                             {"protocol", conf::Scalar<conf::Protocol>::format(listener->config.protocol)},
                             {"connections", connections},
                             {"active", active}});
    }
    return listeners;
}

json::object reload_status(const Reloader& reloader) {
    json::array bad;
    for (const auto& config : reloader.changer().store().bad())
        bad.push_back({{"hash", config.hash}, {"since", to_iso(config.since)}, {"why", config.why}});
    json::object out{
        {"in_progress", reloader.in_progress()}, {"last", to_json(reloader.last())}, {"known_bad", std::move(bad)}};
    if (const auto left = reloader.changer().window().left()) out["watched_for_ms"] = left->count();
    return out;
}

json::object lock_status(const conf::LockSettings& lock, const Changer& changer) {
    json::object out{{"type", conf::Scalar<conf::LockType>::format(lock.type)},
                     {"fleet", lock.fleet},
                     {"held", changer.holds_lock()}};
    const auto& fleet = changer.fleet();
    if (!fleet.records()) return out;
    out["member"] = member_name(lock);
    out["reachable"] = fleet.is_reachable();
    out["fence_alarms"] = fleet.fence_alarms();
    if (!fleet.problem().empty()) out["problem"] = fleet.problem();
    return out;
}

} // namespace

json::object backend_status(const Running& running, const std::string& pool, const std::string& backend) {
    for (const auto& p : running.snapshot()->pools)
        for (const auto& member : p->members)
            if (p->config.name == pool && (member.backend->name() == backend || p->config_of(member).name == backend))
                return backend_status(p->config_of(member), member, running);
    return {};
}

json::object to_json(const conf::Plan& plan) {
    json::array changes;
    for (const auto& change : plan.changes) {
        json::array fields;
        const auto value = [](const std::optional<std::string>& text) {
            return text ? json::value(*text) : json::value();
        };
        for (const auto& f : change.fields)
            fields.push_back({{"key", f.key}, {"before", value(f.before)}, {"after", value(f.after)}});
        const char* types[] = {"added", "removed", "changed"};
        changes.push_back({{"type", types[static_cast<int>(change.type)]},
                           {"kind", change.kind},
                           {"name", change.name},
                           {"fields", std::move(fields)},
                           {"effect", change.effect},
                           {"needs_restart", change.applies == conf::Applies::needs_restart},
                           {"text", change.text()}});
    }
    return {{"changes", std::move(changes)}, {"needs_restart", plan.needs_restart()}};
}

json::object to_json(const ReloadReport& report) {
    json::array errors(report.errors.begin(), report.errors.end());
    auto changes = to_json(report.plan)["changes"].as_array();
    return {{"verdict", word(report.verdict)}, {"trigger", report.trigger},    {"at", to_iso(report.at)},
            {"took_ms", report.took.count()},  {"hash", report.hash},          {"fence", report.fence},
            {"errors", std::move(errors)},     {"changes", std::move(changes)}};
}

json::array to_json(const conf::Description& description) {
    json::array items;
    for (const auto& item : description) {
        json::object fields;
        for (const auto& [key, value] : item.fields) fields[key] = value;
        items.push_back({{"kind", item.kind}, {"name", item.name}, {"fields", std::move(fields)}});
    }
    return items;
}

conf::Description description_from_json(const json::array& items) {
    conf::Description description;
    for (const auto& entry : items) {
        conf::Item item{std::string(entry.at("kind").as_string()), std::string(entry.at("name").as_string()), {}};
        for (const auto& field : entry.at("fields").as_object())
            item.fields.emplace_back(field.key(), field.value().as_string());
        description.push_back(std::move(item));
    }
    return description;
}

json::object status(const Running& running, const Reloader& reloader, std::chrono::system_clock::time_point started) {
    const auto& snapshot = *running.snapshot();
    const auto& lock = snapshot.config.reload.lock;
    const auto up = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now() - started);
    return {{"version", version},
            {"pid", ::getpid()},
            {"uptime_seconds", up.count()},
            {"workers", running.counters().size()},
            {"config",
             {{"file", reloader.changer().path()},
              {"hash", snapshot.hash},
              {"fence", reloader.fence()},
              {"generation", snapshot.generation},
              {"loaded_at", to_iso(reloader.loaded_at())}}},
            {"reload", reload_status(reloader)},
            {"lock", lock_status(lock, reloader.changer())},
            {"listeners", listeners_status(running)},
            {"pools", pools_status(running)}};
}

} // namespace weir::proxy::admin
