// From a configuration to a snapshot: names become indexes, backends and counters find the state that they had.
//
// Thread: the control thread.
// Lifetime: keeps the registries that carry state over reloads; snapshots share what they use.
#pragma once

#include "balancer/registry.h"
#include "proxy/snapshot.h"

#include <map>

namespace weir::proxy {

class SnapshotBuilder {
public:
    explicit SnapshotBuilder(std::size_t workers) : workers_(workers), backends_(workers) {}

    // `config` is valid. What it shares with `old` is taken from there. Changes nothing but registries.
    SnapshotPtr build(conf::Config config, std::string hash, const SnapshotPtr& old);

    // Forgets the state of what no snapshot uses any more.
    void prune();

private:
    std::shared_ptr<const PoolSpec> build_pool(const conf::Pool& pool, const conf::Timeouts& global,
                                               const SnapshotPtr& old);
    std::shared_ptr<ListenerStats> stats_of(const std::string& listener);

    std::size_t workers_;
    balancer::Registry backends_;
    std::map<std::string, std::weak_ptr<ListenerStats>> stats_;
};

} // namespace weir::proxy
