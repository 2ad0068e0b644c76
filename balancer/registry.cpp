#include "balancer/registry.h"

namespace weir::balancer {
namespace {

template <class Map> void forget_expired(Map& map) {
    std::erase_if(map, [](const auto& entry) { return entry.second.expired(); });
}

} // namespace

PoolStatePtr Registry::state_of(const std::string& pool) {
    auto& known = pools_[pool];
    if (auto state = known.lock()) return state;
    auto made = std::make_shared<PoolState>(workers_, run_on_);
    known = made;
    return made;
}

BackendPtr Registry::find_or_make(const std::string& pool, const std::string& name, const conf::Endpoint& address) {
    auto& known = backends_[{pool, name, address}];
    if (auto backend = known.lock()) return backend;
    auto made = std::make_shared<Backend>(pool, name, address, workers_, state_of(pool));
    known = made;
    return made;
}

void Registry::prune() {
    forget_expired(backends_);
    forget_expired(pools_);
}

} // namespace weir::balancer
