#include "proxy/fleet/persistence_check.h"

#include "proxy/log/logger.h"

#include <boost/asio/co_spawn.hpp>
#include <spdlog/spdlog.h>

#include <utility>

namespace weir::proxy {

void PersistenceCheck::start(boost::asio::io_context& control, std::shared_ptr<lock::RedisQuorum> servers) {
    if (std::exchange(state_->is_running, true)) return;
    boost::asio::co_spawn(control, run(state_, std::move(servers)),
                          [state = state_](const std::exception_ptr& failure) {
                              state->is_running = false;
                              log::log_exception(failure);
                          });
}

lock::Awaitable<void> PersistenceCheck::run(std::shared_ptr<State> state, std::shared_ptr<lock::RedisQuorum> servers) {
    co_await servers->learn_persistence();
    for (const auto& server : servers->servers()) {
        if (server.persistence != lock::Persistence::none) state->warned.erase(server.url);
        else if (state->warned.insert(server.url).second)
            spdlog::warn("fleet: {} does not persist its data (appendonly no, save \"\"): a restart loses the fences "
                         "and the denylist of the fleet; set appendonly yes",
                         server.url);
    }
}

} // namespace weir::proxy
