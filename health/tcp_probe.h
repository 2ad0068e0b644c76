// Passes when the backend accepts a connection.
//
// Thread: the control thread.
// Lifetime: as Probe.
#pragma once

#include "health/probe.h"

namespace weir::health {

class TcpProbe final : public Probe {
public:
    boost::asio::awaitable<ProbeResult> talk(Socket& socket, const conf::Address& address) override;
};

} // namespace weir::health
