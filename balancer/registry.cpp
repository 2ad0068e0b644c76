#include "balancer/registry.h"

namespace weir::balancer {

BackendPtr Registry::find_or_make(const std::string& pool, const std::string& name, const conf::Address& address) {
    auto& known = backends_[{pool, name, address}];
    if (auto backend = known.lock()) return backend;
    auto made = std::make_shared<Backend>(pool, name, address, workers_);
    known = made;
    return made;
}

void Registry::prune() {
    std::erase_if(backends_, [](const auto& entry) { return entry.second.expired(); });
}

} // namespace weir::balancer
