#include "proxy/admin/status.h"

#include "balancer/slow_start.h"
#include "base/iso_time.h"
#include "base/version.h"
#include "conf/model/scalar.h"
#include "proxy/admin/backend_http2_metrics.h"
#include "proxy/admin/http2_metrics.h"
#include "proxy/admin/reload_status.h"

#include <boost/json.hpp>

#include <algorithm>

#include <unistd.h>

namespace weir::proxy::admin {

namespace json = boost::json;

namespace {

// The state that matters most to an operator: the administrative state first, then the health.
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

// The weight that a backend has now: a part of its weight during slow start.
json::value effective_weight(const conf::Pool& pool, const MemberSpec& member, Clock::TimePoint now) {
    const auto began = member.backend->ramp_start();
    if (began == balancer::TimePoint()) return member.weight;
    const auto percent = balancer::ramp_at(now - began, pool.slow_start);
    const auto weight = std::uint64_t{member.weight} * percent;
    if (weight % 100 == 0) return weight / 100;
    return static_cast<double>(weight) / 100;
}

// The HTTP/2 connections of a listener's clients, or to a backend.
json::object http2_status(const auto& totals) {
    return {{"connections", totals.connections},
            {"active", totals.active_connections},
            {"streams", totals.streams},
            {"active_streams", totals.active_streams}};
}

// The reasons of the last failed requests, newest first.
json::array last_errors(const balancer::Backend& backend) {
    json::array errors;
    for (const auto& error : backend.recent_errors())
        errors.push_back({{"at", to_iso(error.at)}, {"reason", error.reason}, {"detail", error.detail}});
    return errors;
}

json::object backend_status(const PoolSpec& pool, const MemberSpec& member, const Runtime& runtime,
                            Clock::TimePoint now) {
    using Counters = balancer::BackendCounters;
    const auto& config = pool.config_of(member);
    const auto& backend = *member.backend;
    const auto* health = runtime.health().monitor().find(backend);
    json::object out{{"name", backend.name()},
                     {"address", backend.address().text()},
                     {"state", state_of(member)},
                     {"weight", member.weight},
                     {"effective_weight", effective_weight(pool.config, member, now)},
                     {"backup", config.backup},
                     {"requests", backend.total(&Counters::requests)},
                     {"failures", backend.total(&Counters::failures)},
                     {"retries", backend.total(&Counters::retries)},
                     {"outlier_ejections", runtime.health().ejector().ejections(backend)},
                     {"active", backend.total(&Counters::active)},
                     {"idle", backend.total(&Counters::idle)}};
    const auto over = runtime.adjustments().operator_override_for(backend.pool(), config, backend.name());
    // The configured values, beside those in force.
    out["file"] = {{"state", conf::Scalar<conf::AdminState>::format(config.state)}, {"weight", config.weight}};
    if (!over.is_empty()) {
        out["override"] = json::object();
        if (over.state) out["override"].as_object()["state"] = conf::Scalar<conf::AdminState>::format(*over.state);
        if (over.weight) out["override"].as_object()["weight"] = *over.weight;
    }
    if (const auto agent_override = runtime.adjustments().agent_overrides.find(backend.pool(), backend.name());
        !agent_override.is_empty()) {
        out["agent_override"] = json::object(); // requested by the backend's heartbeats
        if (agent_override.state)
            out["agent_override"].as_object()["state"] = conf::Scalar<conf::AdminState>::format(*agent_override.state);
        if (agent_override.weight) out["agent_override"].as_object()["weight"] = *agent_override.weight;
    }
    if (pool.config.protocol != conf::BackendProtocol::http1) out["http2"] = http2_status(http2_totals(backend));
    out["last_errors"] = last_errors(backend);
    if (config.address.is_name()) out["host"] = config.address.text();
    if (!health) return out;
    const auto ejector_change = runtime.health().ejector().last_change(backend);
    out["since"] = to_iso(ejector_change ? std::max(health->since, *ejector_change) : health->since);
    out["checks"] = health->checks;
    out["failed_checks"] = health->failed_checks;
    out["ejections"] = health->ejections;
    out["passes_in_a_row"] = health->progress.passes;
    out["failures_in_a_row"] = health->progress.failures;
    if (!health->last_failure.empty()) out["last_failure"] = health->last_failure;
    if (const auto& last = health->last_check) {
        const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(last->duration);
        out["last_check"] = {{"at", to_iso(last->at)}, {"duration_ms", took.count()}, {"result", last->result}};
    }
    return out;
}

// The host names of a pool that were not resolved since weir started, so that it runs without their backends.
json::array unresolved_names(const conf::Pool& pool, const AddressBook& addresses) {
    json::array names;
    for (const auto& backend : pool.backends) {
        const auto found = addresses.find(backend.address.host);
        const bool is_known = found != addresses.end() && !found->second.empty();
        if (backend.address.is_name() && !is_known) names.push_back(json::string(backend.address.text()));
    }
    return names;
}

json::array pools_status(const Runtime& runtime, Clock::TimePoint now) {
    json::array pools;
    for (const auto& pool : runtime.snapshot()->pools) {
        json::array backends;
        for (const auto& member : pool->members) backends.push_back(backend_status(*pool, member, runtime, now));
        json::object entry{{"name", pool->config.name},
                           {"algorithm", conf::Scalar<conf::Algorithm>::format(pool->config.algorithm)}};
        if (pool->config.queue && !pool->members.empty())
            entry["queue"] = {{"length", pool->members[0].backend->pool_state().waiting()},
                              {"max", pool->config.queue->max}};
        entry["backends"] = std::move(backends);
        if (auto names = unresolved_names(pool->config, runtime.addresses()); !names.empty())
            entry["unresolved"] = std::move(names);
        pools.push_back(std::move(entry));
    }
    return pools;
}

json::object retries_status(const Runtime& runtime) {
    std::uint64_t made = 0, refused = 0;
    for (const auto& worker : runtime.counters()) {
        made += worker.retries.read();
        refused += worker.retries_refused.read();
    }
    return {{"made", made}, {"refused_by_budget", refused}};
}

// How many requests the limits of one route have refused.
struct LimitRefusals {
    std::uint64_t by_rate = 0, by_concurrency = 0;

    void add(const TrafficStats& stats) {
        const auto count = [](const TrafficCounters& worker, FailureReason reason) {
            return worker.failures[static_cast<std::size_t>(reason)].read();
        };
        stats.workers.each([&](const TrafficCounters& worker) {
            by_rate += count(worker, FailureReason::rate_limited);
            by_concurrency += count(worker, FailureReason::concurrency_limited);
        });
    }
};

bool is_limited(const conf::Route& route) { return route.rate_limit || route.concurrency_limit; }

// The routes that limit their clients.
json::array routes_status(const Snapshot& snapshot) {
    std::vector<LimitRefusals> refusals(snapshot.routes.size());
    for (const auto& listener : snapshot.listeners)
        for (std::size_t i = 0; i < listener->routes.size(); ++i) {
            const auto route = listener->routes[i];
            if (!is_limited(snapshot.routes[route].config)) continue;
            for (const auto& stats : listener->traffic[i]) refusals[route].add(*stats);
        }
    json::array routes;
    for (std::size_t i = 0; i < refusals.size(); ++i) {
        const auto& config = snapshot.routes[i].config;
        if (!is_limited(config)) continue;
        json::object route{{"name", config.name}};
        if (config.rate_limit) route["rate_limit"] = {{"refused", refusals[i].by_rate}};
        if (config.concurrency_limit) route["concurrency_limit"] = {{"refused", refusals[i].by_concurrency}};
        routes.push_back(std::move(route));
    }
    return routes;
}

json::array certificates_status(const tls::ServerContext& context, Clock::WallTime now) {
    json::array certificates;
    for (const auto& certificate : context.certificates()) {
        const auto& facts = certificate->facts();
        const auto left = std::chrono::duration_cast<std::chrono::days>(facts.not_after - now);
        certificates.push_back({{"names", json::value_from(facts.names)},
                                {"issuer", facts.issuer},
                                {"not_after", to_iso(facts.not_after)},
                                {"days_left", left.count()},
                                {"fingerprint", facts.fingerprint}});
    }
    return certificates;
}

json::array listeners_status(const Runtime& runtime, Clock::WallTime now) {
    json::array listeners;
    for (const auto& listener : runtime.snapshot()->listeners) {
        std::uint64_t connections = 0, active = 0;
        for (const auto& worker : listener->stats->workers) {
            connections += worker.connections.read();
            active += worker.active.read();
        }
        json::object out{{"name", listener->config.name},
                         {"address", listener->config.address.text()},
                         {"protocol", conf::Scalar<conf::Protocol>::format(listener->config.protocol)},
                         {"connections", connections},
                         {"active", active}};
        if (listener->config.speaks_http2()) out["http2"] = http2_status(http2_totals(*listener->stats));
        if (listener->tls) out["certificates"] = certificates_status(*listener->tls, now);
        listeners.push_back(std::move(out));
    }
    return listeners;
}

} // namespace

json::object backend_status(const Runtime& runtime, const std::string& pool, const std::string& backend,
                            Clock::TimePoint now) {
    for (const auto& p : runtime.snapshot()->pools)
        for (const auto& member : p->members)
            if (p->config.name == pool && (member.backend->name() == backend || p->config_of(member).name == backend))
                return backend_status(*p, member, runtime, now);
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

json::object status(const Runtime& runtime, const Reloader& reloader, const Clock& clock, Clock::TimePoint started) {
    const auto& snapshot = *runtime.snapshot();
    const auto& lock = snapshot.config.reload.lock;
    const auto up = std::chrono::duration_cast<std::chrono::seconds>(clock.now() - started);
    return {{"version", version},
            {"pid", ::getpid()},
            {"uptime_seconds", up.count()},
            {"workers", runtime.counters().size()},
            {"config",
             {{"file", reloader.parts().next.path()},
              {"hash", snapshot.hash},
              {"fence", reloader.fence()},
              {"generation", snapshot.generation},
              {"loaded_at", to_iso(reloader.loaded_at())}}},
            {"reload", reload_status(reloader, runtime, clock.wall_now())},
            {"lock", lock_status(lock, reloader.parts())},
            {"overrides", overrides_status(runtime)},
            {"retries", retries_status(runtime)},
            {"listeners", listeners_status(runtime, clock.wall_now())},
            {"routes", routes_status(snapshot)},
            {"pools", pools_status(runtime, clock.now())}};
}

} // namespace weir::proxy::admin
