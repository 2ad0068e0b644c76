// Every backend in use, by pool, name and address: where a new configuration finds the state that an old one left.
//
// Thread: the control thread.
// Lifetime: holds no backend alive; a backend goes when the last snapshot that names it goes.
#pragma once

#include "balancer/backend.h"

#include <map>
#include <tuple>

namespace weir::balancer {

class Registry {
public:
    explicit Registry(std::size_t workers) : workers_(workers) {}

    // The backend of this identity, made where there is none.
    BackendPtr find_or_make(const std::string& pool, const std::string& name, const conf::Address& address);

    // Forgets what is no longer in use.
    void prune();

private:
    std::size_t workers_;
    std::map<std::tuple<std::string, std::string, conf::Address>, std::weak_ptr<Backend>> backends_;
};

} // namespace weir::balancer
