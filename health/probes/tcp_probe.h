// Passes if the backend accepts a connection.
//
// Thread: the control thread.
// Lifetime: the same as Probe.
#pragma once

#include "health/probes/probe.h"

namespace weir::health {

class TcpProbe final : public Probe {
public:
    boost::asio::awaitable<ProbeResult> talk(net::AsyncStream& stream, const conf::Endpoint& address) override;
};

} // namespace weir::health
