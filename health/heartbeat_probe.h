// Passes when the backend answers `heartbeat` with `OK`. Responders that close after each answer, and ones that keep
// the connection, both do.
//
// Thread: the control thread.
// Lifetime: as Probe.
#pragma once

#include "health/probe.h"

namespace weir::health {

class HeartbeatProbe final : public Probe {
public:
    boost::asio::awaitable<ProbeResult> talk(Socket& socket, const conf::Address& address) override;
};

} // namespace weir::health
