// From the configuration to the lock that a reload runs under, and to the servers that it is on.
//
// Thread: the control thread.
// Lifetime: the io_context must outlive what is made here.
#pragma once

#include "conf/config.h"
#include "lock/fences.h"
#include "lock/redis_client.h"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <string>
#include <vector>

namespace weir::proxy {

std::unique_ptr<lock::Lock> make_lock(boost::asio::any_io_executor executor, const conf::LockSettings& settings,
                                      const lock::Fences& fences, unsigned place = 1);

// The independent servers of the lock: one, several of a redlock, or none of a local one. Sentinels name one.
std::vector<lock::RedisOptions> lock_servers(const conf::LockSettings& settings);

// This machine's name in the fleet.
std::string member_name(const conf::LockSettings& settings);

} // namespace weir::proxy
