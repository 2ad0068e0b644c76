// One configuration, ready to carry traffic: what the control thread builds and every worker reads.
//
// Thread: immutable once built.
// Lifetime: shared; an exchange keeps the one that it began with.
#pragma once

#include "balancer/algorithm.h"
#include "balancer/backend.h"
#include "conf/config.h"
#include "proxy/stats.h"

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace weir::proxy {

struct MemberSpec {
    balancer::BackendPtr backend;
    std::size_t config; // index into PoolSpec::config.backends: what the file says of it
    std::uint32_t weight;
    conf::AdminState state; // as in force: what was changed at run time stands over the file
    bool operator==(const MemberSpec&) const = default;
};

struct PoolSpec {
    conf::Pool config;
    conf::Timeouts timeouts; // the global ones with the pool's put over them
    std::vector<MemberSpec> members;
    balancer::AlgorithmMaker algorithm;
    std::unordered_map<std::uint64_t, std::size_t> marks; // of sticky cookies → member

    const conf::Backend& config_of(const MemberSpec& member) const { return config.backends[member.config]; }
};

struct RouteSpec {
    conf::Route config;
    std::size_t pool; // index into Snapshot::pools
    conf::Timeouts timeouts;
};

inline constexpr std::size_t no_pool = ~std::size_t{0};

struct ListenerSpec {
    conf::Listener config;
    std::size_t pool = no_pool;      // where no route matches
    std::vector<std::size_t> routes; // indexes into Snapshot::routes, in file order
    std::shared_ptr<ListenerStats> stats;
};

struct Snapshot {
    std::uint64_t generation = 0;
    conf::Config config;
    std::string hash;
    std::vector<std::shared_ptr<const ListenerSpec>> listeners;
    std::vector<RouteSpec> routes;
    std::vector<std::shared_ptr<const PoolSpec>> pools; // the very same object as before where nothing changed
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

} // namespace weir::proxy
