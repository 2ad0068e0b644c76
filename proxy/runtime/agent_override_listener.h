// Receives the overrides that backends ask for in their heartbeats.
//
// Thread: the control thread.
// Lifetime: it must outlive the HeartbeatReceiver that calls it.
#pragma once

#include "balancer/backend.h"
#include "proxy/snapshot/runtime_overrides.h"

namespace weir::proxy {

class AgentOverrideListener {
public:
    virtual ~AgentOverrideListener() = default;

    // Called when the override that a backend asks for changes, and at its first heartbeat after a new configuration.
    virtual void on_agent_override(const balancer::BackendPtr& backend, const Override& agent_override) = 0;
};

} // namespace weir::proxy
