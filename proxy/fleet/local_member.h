// This machine, as its FleetAgent represents it in the fleet.
//
// Thread: the control thread.
// Lifetime: must outlive the agent's coroutines, which end soon after the agent's `stop`.
#pragma once

#include "lock/fleet/fleet_types.h"

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <string>

namespace weir::proxy {

class LocalMember {
public:
    // Describes what this machine runs, for a heartbeat. The agent fills in the name.
    virtual lock::FleetMember describe() const = 0;
    // Returns the highest fence on this machine's disk.
    virtual boost::asio::awaitable<std::uint64_t> fence_watermark() const = 0;
    // Returns the newest pushed configuration of this fleet that this machine has seen.
    virtual lock::FleetVersion newest_seen(const std::string& fleet) const = 0;
    // Called with every heartbeat reply until the newest pushed version is settled.
    virtual void on_version() = 0;

protected:
    ~LocalMember() = default;
};

} // namespace weir::proxy
