// Every backend and pool in use, by name: where a new configuration finds the state that an old one left.
//
// Thread: the control thread.
// Lifetime: holds nothing alive; a backend goes when the last snapshot that names it goes.
#pragma once

#include "balancer/backend.h"

#include <map>
#include <tuple>

namespace weir::balancer {

class Registry {
public:
    explicit Registry(std::size_t workers, PoolState::RunOn run_on = nullptr)
        : workers_(workers), run_on_(std::move(run_on)) {}

    // The backend of this identity, made where there is none.
    BackendPtr find_or_make(const std::string& pool, const std::string& name, const conf::Address& address);

    // Forgets what is no longer in use.
    void prune();

private:
    PoolStatePtr state_of(const std::string& pool);

    std::size_t workers_;
    PoolState::RunOn run_on_;
    std::map<std::tuple<std::string, std::string, conf::Address>, std::weak_ptr<Backend>> backends_;
    std::map<std::string, std::weak_ptr<PoolState>> pools_;
};

} // namespace weir::balancer
