// Whether a reload could acquire the lock now.
//
// Thread: the control thread.
// Lifetime: values; the arguments must outlive the call.
#pragma once

#include "conf/model/config.h"
#include "proxy/fleet/fleet_agent.h"
#include "proxy/fleet/reload_lock.h"

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>

namespace weir::proxy {

struct LockPreview {
    std::optional<std::string> note;     // its holder, or why a reload would continue without it
    std::optional<std::string> obstacle; // the reason for which a reload would be refused now
};

// Returns the holder of the lock, if any. Servers that do not answer are an obstacle if the policy requires them.
boost::asio::awaitable<LockPreview> preview_lock(FleetAgent& fleet, ReloadLock& lock, conf::LockSettings settings);

} // namespace weir::proxy
