// What an old process hands to the new one that takes over from it: its listening sockets, so that no connection is
// refused meanwhile, and what it knows of the backends' health, so that none is asked that is known to be down.
//
// It travels over a socket pair as one message for each item; a descriptor travels beside its message.
//
// Thread: the control thread.
// Lifetime: descriptors are owned by whoever took them out.
#pragma once

#include "conf/address.h"
#include "health/thresholds.h"

#include <map>
#include <string>
#include <vector>

namespace weir::proxy {

// What is known of one backend.
struct HealthNote {
    std::string pool, name, address;
    health::Verdict verdict = health::Verdict::unknown;
    health::Progress progress;
};

struct Handover {
    std::map<conf::Address, std::vector<int>> listeners; // one for each worker of the old process
    std::string admin_address;
    int admin = -1; // the admin API's listening socket
    std::vector<HealthNote> health;
};

// Where a new process finds its end of the pair.
inline constexpr const char* handover_variable = "WEIR_HANDOVER";
inline constexpr int handover_descriptor = 3;

// One message, and the descriptor that goes with it, or -1.
struct HandoverMessage {
    std::string text;
    int descriptor = -1;
};

std::vector<HandoverMessage> to_messages(const Handover& handover);

// Sends one without waiting. Returns errno, 0 where it went out.
int send_message(int channel, const HandoverMessage& message);

// The new process's end of the channel.
class HandoverChannel {
public:
    // Whoever started this process handed something over, or did not: `is_open` tells.
    static HandoverChannel from_environment();

    HandoverChannel() = default;
    HandoverChannel(HandoverChannel&& other) noexcept;
    HandoverChannel& operator=(HandoverChannel&&) = delete;
    ~HandoverChannel();

    bool is_open() const { return descriptor_ >= 0; }

    // Reads everything, waiting for it; throws std::runtime_error where it breaks off or makes no sense.
    Handover receive();
    // Tells the old process that this one serves: it may go.
    void tell_ready();

private:
    int descriptor_ = -1;
};

} // namespace weir::proxy
