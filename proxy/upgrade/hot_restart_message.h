// The messages of a hot restart. The state is sent over a socket pair, one message for each item; a descriptor is
// attached to its message:
//
//   old ─→ new   config, listen, admin, health, override, wish, …, end
//   new ─→ old   unused (a socket that it does not need), …, ready (it serves)
//   old ─→ new   go, or no (weir is stopping)
//   new ─→ old   closes the channel: the service manager knows the new process, and the old one may exit
//
// The two processes may be of different versions: unknown messages are skipped, and fields that a newer version has
// added may be missing.
//
// Thread: pure functions, except for the two that send and receive.
// Lifetime: a message to be sent borrows its descriptor; a received one owns it.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "proxy/runtime/hot_restart_state.h"

#include <string>
#include <vector>

namespace weir::proxy {

struct HotRestartMessage {
    std::string text;
    int descriptor = -1; // the state's; -1: none
};

// Returns the messages that transfer the state, in order. The last one is "end".
std::vector<HotRestartMessage> to_messages(const HotRestartState& state);

// Sends one message without blocking. Fails with the code `resource_unavailable_try_again` while the channel is full.
Result<void> send_message(int channel, const HotRestartMessage& message);

struct ReceivedMessage {
    std::string text;
    UniqueFd descriptor;
};

// Receives one message; blocks until it arrives or the channel's receive timeout expires. Fails if the channel was
// closed.
Result<ReceivedMessage> receive_message(int channel);

// Adds the content of a message to the state. Fails if the message is malformed.
Result<void> take_message(ReceivedMessage message, HotRestartState& state);

} // namespace weir::proxy
