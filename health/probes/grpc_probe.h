// Passes if the backend answers grpc.health.v1.Health/Check with SERVING, for the service that the check names.
//
// Thread: the control thread.
// Lifetime: the same as Probe.
#pragma once

#include "health/probes/probe.h"

namespace weir::health {

class GrpcProbe final : public Probe {
public:
    explicit GrpcProbe(conf::HealthCheck check) : check_(std::move(check)) {}

    boost::asio::awaitable<ProbeResult> talk(net::AsyncStream& stream, const conf::Endpoint& address) override;

private:
    const conf::HealthCheck check_;
};

} // namespace weir::health
