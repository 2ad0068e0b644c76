// What an old process hands to the new one that takes over from it: its listening sockets, so that no connection is
// refused meanwhile, and what it knows of the backends' health, so that none is asked that is known to be down.
//
// It travels over a socket pair as one message for each item; a descriptor travels beside its message:
//
//   old ─→ new   listen, admin, health, override, wish, …, end
//   new ─→ old   unused (a socket that it has no use for), …, ready: it serves
//   old ─→ new   go, or no: weir is to stop meanwhile
//   new ─→ old   closes: whoever watches over weir knows of it; the old process may leave
//
// Thread: the control thread.
// Lifetime: descriptors are owned by whoever took them out.
#pragma once

#include "conf/address.h"
#include "health/thresholds.h"
#include "proxy/adjustments.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

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

// What was changed of one at run time.
struct OverrideNote {
    std::string pool, name;
    Override change;
};

struct Handover {
    std::map<conf::Address, std::vector<int>> listeners; // one for each worker of the old process
    std::string admin_address;
    int admin = -1; // the admin API's listening socket
    std::vector<HealthNote> health;
    std::vector<OverrideNote> orders, wishes;
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

enum class Consent { go, no };

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
    // Tells the old process that this one serves, and which of its sockets it does not.
    void tell_ready(const std::vector<std::string>& unused);
    // Waits for the old process's word; one that is gone has nothing against it.
    boost::asio::awaitable<Consent> wait_for_consent(boost::asio::io_context& control);

private:
    int descriptor_ = -1;
};

} // namespace weir::proxy
