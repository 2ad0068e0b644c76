// The state that the old process of a hot restart passes to the new one: its listening sockets, so that no connection
// is refused during the takeover, and its health records, so that no request goes to a backend known to be down.
//
// Thread: the control thread.
// Lifetime: owns its descriptors; the listening sockets are shared with the process that hands them over.
#pragma once

#include "base/clock.h"
#include "base/unique_fd.h"
#include "health/rules/thresholds.h"
#include "proxy/runtime/listen_socket.h"
#include "proxy/snapshot/runtime_overrides.h"

#include <optional>
#include <string>
#include <vector>

namespace weir::proxy {

// The health record of one backend.
struct HealthRecord {
    std::string pool, name, address;
    health::Verdict verdict = health::Verdict::unknown;
    health::Progress progress;
    std::optional<Clock::WallTime> since; // when the verdict last changed; unset: the old version did not send it
};

// The runtime override of one backend.
struct OverrideNote {
    std::string pool, name;
    Override change;
};

// The admin API's listening socket and its address; none if the address is empty.
struct AdminSocket {
    std::string address;
    UniqueFd socket;
};

struct HotRestartState {
    ListenSocketMap listeners; // for each address, one socket per worker of the old process
    std::string config_hash;   // hash of the configuration that the new process must start with; empty: any
    AdminSocket admin;
    std::vector<HealthRecord> health;
    std::vector<OverrideNote> operator_overrides, agent_overrides;
    std::vector<std::string> ticket_keys; // of TLS sessions, so that clients can resume theirs
};

} // namespace weir::proxy
