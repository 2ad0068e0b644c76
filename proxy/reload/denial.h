// The denylists of this machine and of its fleet, as reasons for a refusal.
//
// Thread: the control thread.
// Lifetime: the arguments of `learn_of_unban` must outlive the call.
#pragma once

#include "conf/store/denylist.h"
#include "proxy/fleet/fleet_agent.h"
#include "proxy/reload/state_store.h"

#include <boost/asio/awaitable.hpp>

#include <string>

namespace weir::proxy {

// Return the reason for which a configuration on the denylist is refused, with advice.
std::string describe_denial(const conf::DeniedConfig& bad);
std::string describe_denial(const lock::FleetDenylistEntry& bad);

// Removes a configuration from this machine's denylist if the fleet has unbanned it since.
boost::asio::awaitable<void> learn_of_unban(StateStore& store, FleetAgent& fleet, std::string hash);

} // namespace weir::proxy
