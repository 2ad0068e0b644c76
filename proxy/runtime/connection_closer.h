// Ends connections to backends on all workers. The classes that decide which connections must end (HealthManager,
// ConnectionReaper) call it; WorkerGroup implements it.
//
// Thread: the control thread. Connections end soon after a call, each on its worker's thread.
// Lifetime: it must outlive its callers.
#pragma once

#include "balancer/backend.h"
#include "proxy/snapshot/traffic_path.h"

namespace weir::proxy {

class ConnectionCloser {
public:
    virtual ~ConnectionCloser() = default;

    // Closes the idle connections to a backend that is down or ejected.
    virtual void close_idle_to(const balancer::BackendPtr& backend) = 0;
    // Ends the tunnels to a backend that is down or ejected. Called only if the backend's pool closes them in that
    // case.
    virtual void cut_tunnels_to(const balancer::BackendPtr& backend) = 0;
    // Ends every connection to a backend whose time limit has passed.
    virtual void cut(const balancer::BackendPtr& backend) = 0;
    // Ends every connection that came through a removed traffic path.
    virtual void cut(const TrafficPath& path) = 0;
};

} // namespace weir::proxy
