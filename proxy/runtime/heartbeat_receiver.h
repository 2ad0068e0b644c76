// Receives heartbeats: parses them, verifies their signatures, and passes on what they report.
//
// Thread: the control thread.
// Lifetime: the clock, the health checker and the listener must outlive it.
#pragma once

#include "base/clock.h"
#include "conf/base/config_error.h"
#include "health/beats/beat.h"
#include "health/monitor/health_checker.h"
#include "proxy/runtime/agent_override_listener.h"
#include "proxy/snapshot/runtime_overrides.h"
#include "proxy/snapshot/snapshot.h"

#include <boost/json/fwd.hpp>

#include <map>
#include <optional>
#include <string>
#include <unordered_map>

namespace weir::proxy {

// Reads the token files; adds a problem to `errors` for each file that cannot be read.
HeartbeatTokens read_heartbeat_tokens(const conf::Config& config, std::vector<conf::Problem>& errors);

struct HeartbeatAnswer {
    int status = 200;
    std::string reason;              // the reason for a refusal
    std::uint64_t last_sequence = 0; // with status 409: the last accepted sequence number
    std::int64_t time_ms = 0;        // with status 409: the time that the sender's clock should show
};

class HeartbeatReceiver {
public:
    HeartbeatReceiver(const Clock& clock, health::HealthChecker& checker, AgentOverrideListener& listener)
        : clock_(clock), checker_(checker), listener_(listener) {}

    // Replaces the known backends. Heartbeats from the backends of `standby` (may be null) count, too, because a
    // rollback may restore it.
    void update(const Snapshot& now, const SnapshotPtr& standby, HeartbeatTokens tokens);
    // Stops accepting heartbeats of the standby.
    void forget_standby(const Snapshot& now);
    // Ignores override requests until the next update, because they would arrive between two configurations.
    void hold_agent_overrides() { held_ = true; }

    // Handles one heartbeat and returns the answer to its sender. `body` is a JSON object with "pool", "backend",
    // "sequence", "time" (in Unix milliseconds) and "signature"; "weight" and "drain" are optional.
    HeartbeatAnswer take(std::string_view body);

private:
    struct Sender {
        balancer::BackendPtr backend;                // null: only a standby backend has the name
        balancer::BackendPtr standby;                // null: no standby, or the same backend
        std::shared_ptr<const health::BeatKey> key;  // the pool's
        health::ReplayGuard* ledger = nullptr;       // points into `ledgers_`
        std::optional<Override> agent_override = {}; // the last override that was passed on
    };
    using Keys = std::map<std::string, std::shared_ptr<const health::BeatKey>>;
    using Senders = std::unordered_map<std::string, Sender>;

    void register_client(Senders& senders, const Snapshot& snapshot, const Keys& keys,
                         balancer::BackendPtr Sender::*as);

    const Clock& clock_;
    health::HealthChecker& checker_;
    AgentOverrideListener& listener_;
    Keys keys_;       // keyed by pool
    Senders senders_; // keyed by pool/backend
    bool held_ = false;
    // Keyed by pool/backend. They outlive their backends, so that old heartbeats cannot be replayed to a restored one.
    std::unordered_map<std::string, health::ReplayGuard> ledgers_;
};

} // namespace weir::proxy
