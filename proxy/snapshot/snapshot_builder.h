// Builds snapshots: resolves names to indexes, and finds the existing state of backends and counters.
//
// Thread: the control thread.
// Lifetime: keeps the registries that carry state over reloads; snapshots share what they use.
#pragma once

#include "balancer/registry.h"
#include "proxy/snapshot/runtime_overrides.h"
#include "proxy/snapshot/snapshot.h"

#include <map>

namespace weir::proxy {

// The resolved addresses of the host names in the configuration.
using AddressBook = std::map<std::string, std::vector<conf::Address>>;

// What a snapshot depends on besides the configuration.
struct BuildInputs {
    RuntimeOverrides adjustments;
    AddressBook addresses;
    LoadedFiles files;
};

class SnapshotBuilder {
public:
    SnapshotBuilder(std::size_t workers, balancer::PoolState::RunOn run_on)
        : workers_(workers), backends_(workers, std::move(run_on)) {}

    // Builds a snapshot from a valid `config`. Reuses what has not changed since `old`. Changes only the registries.
    SnapshotPtr build(conf::Config config, std::string hash, const BuildInputs& now, const SnapshotPtr& old);

    // Removes state that no snapshot uses any more.
    void prune();

private:
    std::vector<MemberSpec> find_members(const conf::Pool& pool, const BuildInputs& now);
    std::shared_ptr<const PoolSpec> build_pool(const conf::Pool& pool, const conf::Timeouts& global,
                                               const BuildInputs& now, const std::shared_ptr<const PoolSpec>& known);
    RouteSpec build_route(const conf::Route& route, std::size_t pool, const conf::Timeouts& timeouts,
                          http::PoolSplit split, const LoadedFiles& files, const RouteSpec* known) const;
    static std::shared_ptr<limits::RateLimiter> limiter_of(const conf::Route& route, const RouteSpec* known);
    static std::shared_ptr<limits::ConcurrencyLimiter> concurrency_of(const conf::Route& route, const RouteSpec* known);
    std::shared_ptr<ListenerStats> stats_of(const std::string& listener);
    std::shared_ptr<TrafficStats> traffic_on(TrafficPath path);
    std::shared_ptr<GrpcMethodStats> grpc_methods_of(const std::string& route);

    std::size_t workers_;
    balancer::Registry backends_;
    std::map<std::string, std::weak_ptr<ListenerStats>> stats_;
    std::map<TrafficPath, std::weak_ptr<TrafficStats>> traffic_;
    std::map<std::string, std::weak_ptr<GrpcMethodStats>> grpc_methods_; // by the name of the route
};

} // namespace weir::proxy
