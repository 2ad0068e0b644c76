// Finds out whether the servers of a fleet persist its records, and warns once about each server that does not.
//
// Thread: the control thread.
// Lifetime: a query that is in progress may outlive it.
#pragma once

#include "lock/redis/redis_quorum.h"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <set>
#include <string>

namespace weir::proxy {

class PersistenceCheck {
public:
    // Queries the servers in the background, unless a query is in progress.
    void start(boost::asio::io_context& control, std::shared_ptr<lock::RedisQuorum> servers);

private:
    struct State {
        bool is_running = false;
        std::set<std::string> warned; // the URLs of the servers without persistence
    };
    static lock::Awaitable<void> run(std::shared_ptr<State> state, std::shared_ptr<lock::RedisQuorum> servers);

    std::shared_ptr<State> state_ = std::make_shared<State>();
};

} // namespace weir::proxy
