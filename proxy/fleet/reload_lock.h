// Acquires the reload lock of the fleet, or one of its parallel slots.
//
// Thread: the control thread.
// Lifetime: the io_context and the fleet agent must outlive it.
#pragma once

#include "conf/model/config.h"
#include "lock/lease/async_fence_store.h"
#include "lock/lease/flock_holder.h"
#include "proxy/fleet/fleet_agent.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>

namespace weir::proxy {

// Whether to give up after `reload.lock.wait`, as an operator expects, or to keep waiting while other machines make
// progress.
enum class WaitPolicy { as_configured, while_others_get_through };

class ReloadLock {
public:
    ReloadLock(boost::asio::io_context& control, FleetAgent& fleet, lock::AsyncFenceStore fences)
        : control_(control), fleet_(fleet), fences_(std::move(fences)) {}

    struct Attempt {
        std::shared_ptr<lock::Lock> lock;
        Result<lock::Lease> lease;
    };
    // Acquires the lock for a change to the configuration with this hash. Gives up when `is_over` returns true.
    boost::asio::awaitable<Attempt> take(conf::LockSettings settings, std::string hash, WaitPolicy policy,
                                         std::function<bool()> is_over);

    // Returns the process of this machine that holds a local lock, if it is held.
    boost::asio::awaitable<std::optional<lock::FlockHolder>> find_local_holder() const;

private:
    std::shared_ptr<lock::Lock> lock_for(const conf::LockSettings& settings, const std::string& hash);

    boost::asio::io_context& control_;
    FleetAgent& fleet_;
    const lock::AsyncFenceStore fences_;
    std::mt19937 random_{std::random_device{}()};
};

} // namespace weir::proxy
