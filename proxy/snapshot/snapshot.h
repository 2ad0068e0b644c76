// One immutable runtime configuration: the control thread builds it and every worker reads it.
//
// Thread: immutable once built.
// Lifetime: shared; an exchange keeps the snapshot that it began with.
#pragma once

#include "balancer/algorithms/algorithm.h"
#include "balancer/backend.h"
#include "conf/model/address_blocks.h"
#include "conf/model/config.h"
#include "proxy/limits/concurrency_limiter.h"
#include "proxy/limits/rate_limiter.h"
#include "proxy/snapshot/access_rules.h"
#include "proxy/snapshot/error_pages.h"
#include "proxy/snapshot/grpc_method_stats.h"
#include "proxy/snapshot/loaded_files.h"
#include "proxy/snapshot/path_rewriter.h"
#include "proxy/snapshot/pool_split.h"
#include "proxy/snapshot/query_rewriter.h"
#include "proxy/snapshot/response_path_mapper.h"
#include "proxy/snapshot/route_conditions.h"
#include "proxy/snapshot/route_index.h"
#include "proxy/snapshot/sni_routes.h"
#include "proxy/snapshot/stats.h"
#include "proxy/snapshot/traffic_stats.h"

#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace weir::proxy {

struct MemberSpec {
    balancer::BackendPtr backend;
    std::size_t config; // index into PoolSpec::config.backends
    std::uint32_t weight;
    conf::AdminState state; // in force: runtime overrides take precedence over the configuration
    std::string host;       // name or IP address without a port; empty for a unix socket
    bool operator==(const MemberSpec&) const = default;
};

struct PoolSpec {
    conf::Pool config;
    conf::Timeouts timeouts; // the global timeouts with the pool's own applied
    std::vector<MemberSpec> members;
    balancer::AlgorithmMaker algorithm;
    std::unordered_map<std::uint64_t, std::size_t> marks; // value in a sticky cookie → member
    std::shared_ptr<const tls::ClientContext> tls;        // for connections to the backends; null: plain
    http::ErrorPages error_pages{};

    const conf::Backend& config_of(const MemberSpec& member) const { return config.backends[member.config]; }
};

inline constexpr std::size_t no_pool = ~std::size_t{0};

// Which Host the backend gets.
enum class HostToSend { the_clients, the_backends, configured };

struct RouteSpec {
    conf::Route config;
    std::size_t pool; // index into Snapshot::pools; no_pool: the route needs no backend, or splits its requests
    conf::Timeouts timeouts;
    HostToSend host = HostToSend::the_clients;
    http::RouteConditions conditions{}; // besides host and path
    http::PathRewriter rewriter{};      // used if config.rewrite is set, as the next two
    http::QueryRewriter query_rewriter{};
    http::ResponsePathMapper path_mapper{}; // used if it asks for map_back
    http::AccessRules access{};
    http::PageText page{}; // used if config.respond has a file
    http::ErrorPages error_pages{};
    http::PoolSplit split{};
    std::shared_ptr<const conf::Users> users{};                // who may use it with a password; null: everyone
    std::shared_ptr<limits::RateLimiter> limiter{};            // null: no limit
    std::shared_ptr<limits::ConcurrencyLimiter> concurrency{}; // null: no limit
    bool uses_request_id = false;                              // in its headers
    std::size_t auth_pool = no_pool;                           // of forward_auth
    std::size_t mirror_pool = no_pool;                         // gets copies of its requests
    std::shared_ptr<GrpcMethodStats> grpc_methods{};           // null: they are not counted

    // Returns the pools that serve the route's requests.
    std::vector<std::size_t> pools() const {
        std::vector<std::size_t> all;
        if (pool != no_pool) all.push_back(pool);
        for (const auto& part : split.parts()) all.push_back(part.pool);
        return all;
    }
};

struct ListenerSpec {
    conf::Listener config;
    std::size_t pool = no_pool;      // if no route matches
    std::vector<std::size_t> routes; // indexes into Snapshot::routes, in file order
    http::RouteIndex route_index;    // finds the first of them that matches
    std::shared_ptr<ListenerStats> stats;
    std::vector<std::vector<std::shared_ptr<TrafficStats>>> traffic; // for each of `routes`: one for each of its pools
    std::shared_ptr<TrafficStats> own_traffic, unrouted;             // of its own pool; of requests without a pool
    conf::AddressBlocks trusted;                                     // config.trusted_proxies
    std::shared_ptr<const tls::ServerContext> tls;                   // null: plain
    SniRoutes sni;                                                   // if it passes TLS through

    // Returns the pools that connections get without a route: the listener's own, and those of `sni`.
    std::vector<std::size_t> direct_pools() const {
        std::vector<std::size_t> pools;
        if (pool != no_pool) pools.push_back(pool);
        for (const auto& [name, route] : sni) pools.push_back(route.pool);
        return pools;
    }
};

struct Snapshot {
    std::uint64_t generation = 0;
    conf::Config config;
    std::string hash;
    LoadedFiles files;
    std::vector<std::shared_ptr<const ListenerSpec>> listeners;
    std::vector<RouteSpec> routes;
    std::vector<std::shared_ptr<const PoolSpec>> pools;   // a pool that did not change is the same object as before
    std::unordered_set<std::string> request_header_names; // see request_header_names.h
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

} // namespace weir::proxy
