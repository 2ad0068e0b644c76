// Holds the runtime overrides, and adapts them when the configuration changes.
//
// Thread: the control thread.
// Lifetime: owns its data.
#pragma once

#include "balancer/backend.h"
#include "proxy/runtime/hot_restart_state.h"
#include "proxy/snapshot/runtime_overrides.h"
#include "proxy/snapshot/snapshot.h"

#include <functional>
#include <string>

namespace weir::proxy {

class OverrideStore {
public:
    const RuntimeOverrides& all() const { return overrides_; }

    // Takes the overrides of the old process.
    void inherit(const HotRestartState& old);
    // Adds all overrides to the state for a new process.
    void hand_over(HotRestartState& state) const;

    // Edits the operator's override of a backend, or of all addresses of its host name. Returns false if `in_force` has
    // no such backend. An override that was left by a backend of another configuration can still be cleared.
    bool edit(const Snapshot& in_force, const std::string& pool, const std::string& backend,
              const std::function<void(Override&)>& edit);
    // Sets the override that a backend asks for. Returns false if the same override is already set.
    bool set_agent_override(const balancer::Backend& backend, const Override& agent_override);

    // Called when `next` is about to replace `before`, or comes into force as the first one (null). Operators'
    // overrides follow renamed backends and pools; agents' overrides end with their backends.
    void follow(const conf::Config* before, const conf::Config& next);
    // Drops the operators' overrides of backends that are not in the configuration, and logs each one.
    void drop_ended(const conf::Config& config);

private:
    RuntimeOverrides overrides_;
};

} // namespace weir::proxy
