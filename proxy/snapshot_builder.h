// From a configuration to a snapshot: names become indexes, backends and counters find the state that they had.
//
// Thread: the control thread.
// Lifetime: keeps the registries that carry state over reloads; snapshots share what they use.
#pragma once

#include "balancer/registry.h"
#include "proxy/overrides.h"
#include "proxy/snapshot.h"

#include <map>

namespace weir::proxy {

class SnapshotBuilder {
public:
    SnapshotBuilder(std::size_t workers, balancer::PoolState::RunOn run_on)
        : workers_(workers), backends_(workers, std::move(run_on)) {}

    // `config` is valid. What it shares with `old` is taken from there. Changes nothing but registries.
    SnapshotPtr build(conf::Config config, std::string hash, const Overrides& overrides, const SnapshotPtr& old);

    // Forgets the state of what no snapshot uses any more.
    void prune();

private:
    std::vector<MemberSpec> find_members(const conf::Pool& pool, const Overrides& overrides);
    std::shared_ptr<const PoolSpec> build_pool(const conf::Pool& pool, const conf::Timeouts& global,
                                               const Overrides& overrides,
                                               const std::shared_ptr<const PoolSpec>& known);
    std::shared_ptr<ListenerStats> stats_of(const std::string& listener);

    std::size_t workers_;
    balancer::Registry backends_;
    std::map<std::string, std::weak_ptr<ListenerStats>> stats_;
};

} // namespace weir::proxy
