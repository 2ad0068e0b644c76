#include "proxy/snapshot/snapshot_builder.h"

#include "balancer/stickiness.h"
#include "conf/model/header_value.h"
#include "proxy/snapshot/request_header_names.h"
#include "proxy/snapshot/timeouts.h"

#include <algorithm>
#include <unordered_map>

namespace weir::proxy {
namespace {

bool leads_from(const conf::Route& route, const std::string& listener) {
    const auto& only = route.match.listeners;
    return only.empty() || std::find(only.begin(), only.end(), listener) != only.end();
}

using PoolIndex = std::unordered_map<std::string, std::size_t>;

http::PoolSplit split_of(const conf::Route& route, const PoolIndex& index) {
    if (route.split.empty()) return {};
    std::vector<http::PoolSplit::Part> parts;
    parts.reserve(route.split.size());
    std::string pools; // the same clients are served by the same pools on all routes that split between them
    for (const auto& [pool, share] : route.split) {
        parts.push_back({index.at(pool), conf::parse_percent(share)->value});
        pools += pool + " ";
    }
    return {std::move(parts), route.split_by, pools};
}

bool uses_request_id(const conf::Route& route) {
    const auto uses = [](const auto& field) {
        return conf::has_variable(field.second, conf::HeaderVariable::request_id);
    };
    const auto any = [&](const auto& fields) { return std::any_of(fields.begin(), fields.end(), uses); };
    const auto edits = [&](const conf::HeaderEdit& edit) { return any(edit.set) || any(edit.add); };
    return edits(route.request_headers) || edits(route.response_headers) ||
           (route.respond && any(route.respond->headers)) ||
           (route.redirect && conf::has_variable(route.redirect->to, conf::HeaderVariable::request_id));
}

HostToSend host_to_send(const conf::Route& route) {
    if (route.host == "keep") return HostToSend::the_clients;
    return route.host == "backend" ? HostToSend::the_backends : HostToSend::configured;
}

// Returns the route of this name in the snapshot before; null if there is none.
const RouteSpec* known_route(const std::unordered_map<std::string_view, const RouteSpec*>& known,
                             const std::string& name) {
    const auto found = known.find(name);
    return found == known.end() ? nullptr : found->second;
}

// Without a name of its own, a route has one by its position, which another route may have had.
bool is_same_route(const RouteSpec* known, const conf::Route& route) {
    return known && known->config.match == route.match;
}

} // namespace

std::vector<MemberSpec> SnapshotBuilder::find_members(const conf::Pool& pool, const BuildInputs& now) {
    std::vector<MemberSpec> members;
    const auto add = [&](std::size_t i, const std::string& name, const conf::Endpoint& address) {
        const auto [state, weight] = now.adjustments.effective_state(pool.name, pool.backends[i], name);
        const auto& configured = pool.backends[i].address;
        auto host = configured.ip.is_set() ? configured.ip.ip_text() : configured.host;
        auto backend = backends_.find_or_make(pool.name, name, address);
        if (pool.protocol != conf::BackendProtocol::http1) backend->count_http2();
        members.push_back({std::move(backend), i, weight, state, std::move(host)});
    };
    for (std::size_t i = 0; i < pool.backends.size(); ++i) {
        const auto& backend = pool.backends[i];
        if (backend.address.is_unix()) {
            add(i, backend.name, conf::Endpoint::at_socket(backend.address.socket_path));
            continue;
        }
        if (!backend.address.is_name()) {
            add(i, backend.name, backend.address.ip);
            continue;
        }
        const auto found = now.addresses.find(backend.address.host);
        for (auto address : found == now.addresses.end() ? std::vector<conf::Address>() : found->second) {
            address.set_port(backend.address.port);
            add(i, backend.name + "@" + address.ip_text(), address);
        }
    }
    return members;
}

std::shared_ptr<const PoolSpec> SnapshotBuilder::build_pool(const conf::Pool& pool, const conf::Timeouts& global,
                                                            const BuildInputs& now,
                                                            const std::shared_ptr<const PoolSpec>& known) {
    const auto timeouts = merge_timeouts(global, pool.timeouts);
    const auto tls = pool.tls ? now.files.tls.pools.at(pool.name) : nullptr;
    auto members = find_members(pool, now);
    http::ErrorPages pages(pool.error_pages, now.files.pages);
    const bool same = known && known->config == pool && known->timeouts == timeouts && known->members == members &&
                      known->tls == tls && known->error_pages == pages;
    if (same) return known;
    std::vector<balancer::Entry> entries;
    auto spec =
        std::make_shared<PoolSpec>(PoolSpec{pool, timeouts, std::move(members), nullptr, {}, tls, std::move(pages)});
    for (std::size_t i = 0; i < spec->members.size(); ++i) {
        const auto& member = spec->members[i];
        entries.push_back({member.backend->name(), member.weight});
        if (pool.sticky) spec->marks[balancer::sticky_mark(pool.name, member.backend->name())] = i;
    }
    spec->algorithm = balancer::prepare_algorithm(pool.algorithm, entries);
    return spec;
}

// Expressions are compiled again only if they have changed, because a snapshot is also built when an address changes.
RouteSpec SnapshotBuilder::build_route(const conf::Route& route, std::size_t pool, const conf::Timeouts& timeouts,
                                       http::PoolSplit split, const LoadedFiles& files, const RouteSpec* known) const {
    const bool same_match = known && known->config.match == route.match;
    const bool same_rewrite = known && known->config.rewrite == route.rewrite;
    const auto rewrite = route.rewrite.value_or(conf::PathRewrite());
    return {route,
            pool,
            timeouts,
            host_to_send(route),
            same_match ? known->conditions : http::RouteConditions(route.match, workers_),
            same_rewrite ? known->rewriter : http::PathRewriter(rewrite, workers_),
            http::QueryRewriter(rewrite.query),
            http::ResponsePathMapper(rewrite),
            http::AccessRules(route.access.value_or(conf::Access())),
            route.respond && !route.respond->file.empty() ? http::page_in(route.respond->file, files.pages)
                                                          : http::PageText(),
            http::ErrorPages(route.error_pages, files.pages),
            std::move(split),
            route.basic_auth ? files.users.at(route.basic_auth->users_file) : nullptr,
            limiter_of(route, known),
            concurrency_of(route, known),
            uses_request_id(route)};
}

// A limit that has not changed keeps its counts.
std::shared_ptr<limits::RateLimiter> SnapshotBuilder::limiter_of(const conf::Route& route, const RouteSpec* known) {
    if (!route.rate_limit) return nullptr;
    if (is_same_route(known, route) && known->config.rate_limit == route.rate_limit) return known->limiter;
    return std::make_shared<limits::RateLimiter>(*route.rate_limit, route.name, random_sip_key(),
                                                 limits::RateTable::Time::clock::now());
}

// A limit whose `max` changes keeps its counts, too: the requests in progress count against the new one.
std::shared_ptr<limits::ConcurrencyLimiter> SnapshotBuilder::concurrency_of(const conf::Route& route,
                                                                            const RouteSpec* known) {
    if (!route.concurrency_limit) return nullptr;
    const auto& key = route.concurrency_limit->by;
    if (is_same_route(known, route) && known->concurrency && known->concurrency->key() == key)
        return known->concurrency;
    return std::make_shared<limits::ConcurrencyLimiter>(key, random_sip_key());
}

std::shared_ptr<ListenerStats> SnapshotBuilder::stats_of(const std::string& listener) {
    auto& known = stats_[listener];
    if (auto stats = known.lock()) return stats;
    auto made = std::make_shared<ListenerStats>(workers_);
    known = made;
    return made;
}

std::shared_ptr<TrafficStats> SnapshotBuilder::traffic_on(TrafficPath path) {
    auto& known = traffic_[path];
    if (auto stats = known.lock()) return stats;
    auto made = std::make_shared<TrafficStats>(std::move(path), workers_);
    known = made;
    return made;
}

std::shared_ptr<GrpcMethodStats> SnapshotBuilder::grpc_methods_of(const std::string& route) {
    auto& known = grpc_methods_[route];
    if (auto stats = known.lock()) return stats;
    auto made = std::make_shared<GrpcMethodStats>(workers_);
    known = made;
    return made;
}

SnapshotPtr SnapshotBuilder::build(conf::Config config, std::string hash, const BuildInputs& now,
                                   const SnapshotPtr& old) {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->generation = old ? old->generation + 1 : 1;
    snapshot->hash = std::move(hash);
    snapshot->files = now.files;
    std::unordered_map<std::string, std::shared_ptr<const PoolSpec>> known;
    if (old)
        for (const auto& pool : old->pools) known[pool->config.name] = pool;
    PoolIndex pool_index;
    for (const auto& pool : config.pools) {
        pool_index[pool.name] = snapshot->pools.size();
        snapshot->pools.push_back(build_pool(pool, config.timeouts, now, known[pool.name]));
    }
    std::unordered_map<std::string_view, const RouteSpec*> known_routes;
    if (old)
        for (const auto& route : old->routes) known_routes[route.config.name] = &route;
    for (const auto& route : config.routes) {
        const auto pool = route.pool.empty() ? no_pool : pool_index.at(route.pool);
        const auto& timeouts = pool == no_pool ? config.timeouts : snapshot->pools[pool]->timeouts;
        snapshot->routes.push_back(build_route(route, pool, merge_timeouts(timeouts, route.timeouts),
                                               split_of(route, pool_index), now.files,
                                               known_route(known_routes, route.name)));
        auto& built = snapshot->routes.back();
        if (route.grpc_metrics) built.grpc_methods = grpc_methods_of(route.name);
        if (route.forward_auth) built.auth_pool = pool_index.at(route.forward_auth->pool);
        if (route.mirror) built.mirror_pool = pool_index.at(route.mirror->pool);
    }
    for (const auto& listener : config.listeners) {
        auto spec = std::make_shared<ListenerSpec>();
        spec->config = listener;
        spec->trusted = conf::AddressBlocks(listener.trusted_proxies);
        spec->stats = stats_of(listener.name);
        if (listener.tls) spec->tls = now.files.tls.listeners.at(listener.name);
        spec->unrouted = traffic_on({listener.name, "", ""});
        if (!listener.pool.empty()) spec->pool = pool_index.at(listener.pool);
        if (!listener.pool.empty()) spec->own_traffic = traffic_on({listener.name, "", listener.pool});
        for (const auto& [name, pool] : listener.routes_by_sni)
            spec->sni.add(name, {pool_index.at(pool), traffic_on({listener.name, "", pool})});
        for (std::size_t i = 0; i < config.routes.size(); ++i) {
            const auto& route = config.routes[i];
            if (!leads_from(route, listener.name)) continue;
            spec->routes.push_back(i);
            auto& traffic = spec->traffic.emplace_back();
            for (const auto pool : snapshot->routes[i].pools())
                traffic.push_back(traffic_on({listener.name, route.name, config.pools[pool].name}));
            if (traffic.empty()) traffic.push_back(traffic_on({listener.name, route.name, ""}));
        }
        spec->route_index = http::RouteIndex(config.routes, spec->routes);
        snapshot->listeners.push_back(std::move(spec));
    }
    snapshot->request_header_names = http::request_header_names(config);
    snapshot->config = std::move(config);
    return snapshot;
}

void SnapshotBuilder::prune() {
    backends_.prune();
    std::erase_if(stats_, [](const auto& entry) { return entry.second.expired(); });
    std::erase_if(traffic_, [](const auto& entry) { return entry.second.expired(); });
    std::erase_if(grpc_methods_, [](const auto& entry) { return entry.second.expired(); });
}

} // namespace weir::proxy
