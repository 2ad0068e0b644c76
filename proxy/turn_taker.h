// Waiting for this machine's turn to change: the lock of its fleet, or one of its places.
//
// Thread: the control thread.
// Lifetime: the io_context and the fleet must outlive it.
#pragma once

#include "conf/config.h"
#include "lock/fences.h"
#include "proxy/fleet.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <random>
#include <string>

namespace weir::proxy {

// Whether somebody waits at a terminal, who is to be told when `wait` is over.
enum class Patience { as_configured, while_others_get_through };

class TurnTaker {
public:
    TurnTaker(boost::asio::io_context& control, Fleet& fleet, lock::Fences fences)
        : control_(control), fleet_(fleet), fences_(std::move(fences)) {}

    struct Turn {
        std::shared_ptr<lock::Lock> lock;
        lock::Result<lock::Lease> lease;
    };
    // For a change to the configuration with this hash. `is_over`: nobody wants it any more.
    boost::asio::awaitable<Turn> take(conf::LockSettings settings, std::string hash, Patience patience,
                                      std::function<bool()> is_over);

private:
    std::shared_ptr<lock::Lock> lock_for(const conf::LockSettings& settings, const std::string& hash);

    boost::asio::io_context& control_;
    Fleet& fleet_;
    const lock::Fences fences_;
    std::mt19937 random_{std::random_device{}()};
};

} // namespace weir::proxy
