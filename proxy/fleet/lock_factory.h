// Creates the reload lock that the configuration asks for, and the options of its servers.
//
// Thread: the control thread.
// Lifetime: the io_context must outlive the locks.
#pragma once

#include "conf/model/config.h"
#include "lock/lease/async_fence_store.h"
#include "lock/redis/redis_client.h"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <string>
#include <vector>

namespace weir::proxy {

// Creates the configured lock; `slot` is its parallel slot.
std::unique_ptr<lock::Lock> make_lock(boost::asio::any_io_executor executor, const conf::LockSettings& settings,
                                      const lock::AsyncFenceStore& fences, unsigned slot = 1);

// Returns the independent servers of the lock: one, several for a redlock, none for a local lock. All sentinels
// together count as one server.
std::vector<lock::RedisOptions> lock_servers(const conf::LockSettings& settings);

// Returns this machine's name in the fleet.
std::string member_name(const conf::LockSettings& settings);

} // namespace weir::proxy
