// The state of reloads as JSON: the last reload, what is pending, the canary window, the denylist and the lock.
//
// Thread: the control thread.
// Lifetime: the results own their data.
#pragma once

#include "base/clock.h"
#include "proxy/reload/reloader.h"

#include <boost/json/fwd.hpp>

namespace weir::proxy::admin {

boost::json::object reload_status(const Reloader& reloader, const Runtime& runtime, Clock::WallTime now);
boost::json::object lock_status(const conf::LockSettings& lock, const ReloadParts& parts);
// Operators' overrides; "in_force" is false if the backend has left the configuration within the canary window.
boost::json::array overrides_status(const Runtime& runtime);
boost::json::object to_json(const ReloadReport& report);
boost::json::object to_json(const PendingReload& pending, Clock::WallTime now);
boost::json::object to_json(const ReloadPreview& preview);
boost::json::array to_json(const std::vector<OverrideFate>& fates);

} // namespace weir::proxy::admin
