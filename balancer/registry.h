// Finds every backend and pool in use by name, so that a new configuration continues with the state of the old one.
//
// Thread: the control thread.
// Lifetime: keeps nothing alive; a backend is freed with the last snapshot that refers to it.
#pragma once

#include "balancer/backend.h"

#include <map>
#include <tuple>

namespace weir::balancer {

class Registry {
public:
    explicit Registry(std::size_t workers, PoolState::RunOn run_on = nullptr)
        : workers_(workers), run_on_(std::move(run_on)) {}

    // Returns the backend with this identity, and creates it if there is none.
    BackendPtr find_or_make(const std::string& pool, const std::string& name, const conf::Endpoint& address);

    // Removes entries that are no longer in use.
    void prune();

private:
    PoolStatePtr state_of(const std::string& pool);

    std::size_t workers_;
    PoolState::RunOn run_on_;
    std::map<std::tuple<std::string, std::string, conf::Endpoint>, std::weak_ptr<Backend>> backends_;
    std::map<std::string, std::weak_ptr<PoolState>> pools_;
};

} // namespace weir::balancer
