// This machine as a member of its fleet: owns its agent, and provides what the agent reports about this machine.
//
// Thread: the control thread.
// Lifetime: the constructor's arguments must outlive it.
#pragma once

#include "proxy/fleet/fleet_agent.h"
#include "proxy/reload/push_listener.h"
#include "proxy/reload/reload_report.h"
#include "proxy/reload/serving_state.h"
#include "proxy/reload/state_store.h"
#include "proxy/runtime/runtime.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <string>

namespace weir::proxy {

class Membership final : private LocalMember {
public:
    Membership(boost::asio::io_context& control, const Runtime& runtime, const ServingState& state, StateStore& store);

    // Sets the listener, which is called while this machine takes its configuration from the fleet; null for none.
    void set_listener(PushListener* listener) { listener_ = listener; }

    // Records that a change begins, or continues, with this pushed version. Its number is 0 if the change comes from a
    // file.
    void begin(const lock::FleetVersion& pushed) { applying_ = pushed; }
    // Forgets the last refusal, which no longer matters.
    void forget_refusal() { refused_ = {}; }
    // Records the outcome of a change on this machine and reports it to the fleet, unless the fleet agent will repeat
    // the change.
    boost::asio::awaitable<void> settle(const ReloadReport& report);

    FleetAgent& agent() { return agent_; }
    const FleetAgent& agent() const { return agent_; }

private:
    struct RefusedConfig {
        std::string hash, reason; // empty: none
    };

    lock::FleetMember describe() const override;
    boost::asio::awaitable<std::uint64_t> fence_watermark() const override { return store_.fence_watermark(); }
    lock::FleetVersion newest_seen(const std::string& fleet) const override { return store_.pushed(fleet); }
    void on_version() override;
    bool takes_from_fleet() const;

    const Runtime& runtime_;
    const ServingState& state_;
    StateStore& store_;
    PushListener* listener_ = nullptr;
    RefusedConfig refused_;
    lock::FleetVersion applying_; // the pushed version that is being applied
    FleetAgent agent_;
};

} // namespace weir::proxy
