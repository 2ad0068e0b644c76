// From a configuration to a snapshot: names become indexes, backends and counters find the state that they had.
//
// Thread: the control thread.
// Lifetime: keeps the registries that carry state over reloads; snapshots share what they use.
#pragma once

#include "balancer/registry.h"
#include "proxy/adjustments.h"
#include "proxy/snapshot.h"

#include <map>

namespace weir::proxy {

// What the names among the backends' addresses stand for.
using AddressBook = std::map<std::string, std::vector<conf::Address>>;

// What a snapshot depends on beside the file.
struct Circumstances {
    Adjustments adjustments;
    AddressBook addresses;
};

class SnapshotBuilder {
public:
    SnapshotBuilder(std::size_t workers, balancer::PoolState::RunOn run_on)
        : workers_(workers), backends_(workers, std::move(run_on)) {}

    // `config` is valid. What it shares with `old` is taken from there. Changes nothing but registries.
    SnapshotPtr build(conf::Config config, std::string hash, const Circumstances& now, const SnapshotPtr& old);

    // Forgets the state of what no snapshot uses any more.
    void prune();

private:
    std::vector<MemberSpec> find_members(const conf::Pool& pool, const Circumstances& now);
    std::shared_ptr<const PoolSpec> build_pool(const conf::Pool& pool, const conf::Timeouts& global,
                                               const Circumstances& now, const std::shared_ptr<const PoolSpec>& known);
    std::shared_ptr<ListenerStats> stats_of(const std::string& listener);

    std::size_t workers_;
    balancer::Registry backends_;
    std::map<std::string, std::weak_ptr<ListenerStats>> stats_;
};

} // namespace weir::proxy
