// Passes if the backend answers `heartbeat` with `OK`. The responder may close the connection after the answer, or keep
// it open.
//
// Thread: the control thread.
// Lifetime: the same as Probe.
#pragma once

#include "health/probes/probe.h"

namespace weir::health {

class HeartbeatProbe final : public Probe {
public:
    boost::asio::awaitable<ProbeResult> talk(net::AsyncStream& stream, const conf::Endpoint& address) override;
};

} // namespace weir::health
