// The new process's end of a hot restart: receives the old process's state, reports that this process serves, and waits
// for the old one's decision. hot_restart_message.h describes the messages.
//
// Thread: the control thread.
// Lifetime: owns its end of the socket pair; closing it tells the old process that it may exit.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "proxy/runtime/hot_restart_state.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <string>
#include <vector>

namespace weir::proxy {

// The environment variable and the descriptor number through which a new process finds its end of the socket pair.
inline constexpr const char* handover_variable = "WEIR_HANDOVER";
inline constexpr int handover_descriptor = 3;

enum class TakeoverDecision { go, no };

class HotRestartChannel {
public:
    // Opens the channel if the process was started by a hot restart; `is_open` is false otherwise. Fails if the
    // environment variable is set but there is no socket.
    static Result<HotRestartChannel> from_environment();

    HotRestartChannel() = default;
    explicit HotRestartChannel(UniqueFd end) : end_(std::move(end)) {}

    bool is_open() const { return static_cast<bool>(end_); }

    // Receives the whole state. Blocks until it is complete, for at most 10 s between two messages. Fails if the old
    // process has closed the channel or has sent a malformed message.
    Result<HotRestartState> receive();
    // Reports to the old process that this one serves, and which inherited sockets it does not use.
    void send_ready(const std::vector<std::string>& unused);
    // Waits for the old process's decision. If the old process is gone, the decision is `go`.
    boost::asio::awaitable<TakeoverDecision> wait_for_decision(boost::asio::io_context& control);

private:
    UniqueFd end_;
};

} // namespace weir::proxy
