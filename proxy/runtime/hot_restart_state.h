// The state that the old process of a hot restart passes to the new one: its listening sockets, so that no connection
// is refused during the takeover, and its health records, so that no request goes to a backend known to be down.
//
// The state is sent over a socket pair, one message for each item; a descriptor is attached to its message:
//
//   old ─→ new   config, listen, admin, health, override, wish, …, end
//   new ─→ old   unused (a socket that it does not need), …, ready (it serves)
//   old ─→ new   go, or no (weir is stopping)
//   new ─→ old   closes the channel: the service manager knows the new process, and the old one may exit
//
// Thread: the control thread.
// Lifetime: the receiver of a descriptor owns it.
#pragma once

#include "conf/model/address.h"
#include "health/rules/thresholds.h"
#include "proxy/snapshot/runtime_overrides.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace weir::proxy {

// The health record of one backend.
struct HealthRecord {
    std::string pool, name, address;
    health::Verdict verdict = health::Verdict::unknown;
    health::Progress progress;
    std::chrono::system_clock::time_point since = std::chrono::system_clock::now(); // when the verdict last changed
};

// The runtime override of one backend.
struct OverrideNote {
    std::string pool, name;
    Override change;
};

struct HotRestartState {
    std::map<conf::Address, std::vector<int>> listeners; // for each address, one socket per worker of the old process
    std::string config_hash; // hash of the configuration that the new process must start with; empty: any
    std::string admin_address;
    int admin = -1; // the admin API's listening socket
    std::vector<HealthRecord> health;
    std::vector<OverrideNote> operator_overrides, agent_overrides;
};

// The environment variable and the descriptor number through which a new process finds its end of the socket pair.
inline constexpr const char* handover_variable = "WEIR_HANDOVER";
inline constexpr int handover_descriptor = 3;

// One message and its descriptor; -1: none.
struct HotRestartMessage {
    std::string text;
    int descriptor = -1;
};

// Returns the messages that transfer the state, in order.
std::vector<HotRestartMessage> to_messages(const HotRestartState& handover);

// Sends one message without blocking. Returns errno, or 0 on success.
int send_message(int channel, const HotRestartMessage& message);

enum class TakeoverDecision { go, no };

// The new process's end of the channel.
class HotRestartChannel {
public:
    // Opens the channel if the process was started by a hot restart; `is_open` is false otherwise.
    static HotRestartChannel from_environment();

    HotRestartChannel() = default;
    HotRestartChannel(HotRestartChannel&& other) noexcept;
    HotRestartChannel& operator=(HotRestartChannel&&) = delete;
    ~HotRestartChannel();

    bool is_open() const { return descriptor_ >= 0; }

    // Reads the whole state and blocks until it is complete. Throws std::runtime_error on failure.
    HotRestartState receive();
    // Reports to the old process that this one serves, and which inherited sockets it does not use.
    void send_ready(const std::vector<std::string>& unused);
    // Waits for the old process's decision. If the old process is gone, the decision is `go`.
    boost::asio::awaitable<TakeoverDecision> wait_for_decision(boost::asio::io_context& control);

private:
    int descriptor_ = -1;
};

} // namespace weir::proxy
