// The old process's side of a hot restart: starts the new program, hands over this process's state
// (hot_restart_message.h), and may exit once the new process serves. If the new process fails to start, this one keeps
// serving.
//
// Thread: the control thread; nothing blocks.
// Lifetime: must outlive its coroutines.
#pragma once

#include "base/result.h"
#include "proxy/runtime/hot_restart_state.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <set>
#include <string>
#include <vector>

#include <sys/types.h>

namespace weir::proxy {

// Returns the program and the arguments that this process was started with; empty if /proc cannot be read.
std::vector<std::string> own_command_line();

class Upgrade {
public:
    // `command` is the program to start, in the version that is on disk at that time, and its arguments.
    Upgrade(boost::asio::io_context& control, std::vector<std::string> command)
        : control_(control), command_(std::move(command)), channel_(control) {}

    // Starts the new process, sends it the state, and completes when it serves and waits for `confirm`. Fails if the
    // new process cannot be started, exits, or does not serve within a minute; in that case it is ended.
    boost::asio::awaitable<Result<void>> run(const HotRestartState& handover);
    // Tells the new process to take over. Completes when the service manager knows the new process, but after 5 s at
    // the latest. Fails if the process ended during the takeover.
    boost::asio::awaitable<Result<void>> confirm();
    // Called when weir stops: tells the new process to stop as well.
    void abandon();

    pid_t process() const { return process_; } // process id of the new process; -1 if it was not started
    // Returns which inherited sockets the new process does not use: addresses of listeners, and "admin".
    const std::set<std::string>& unused() const { return unused_; }

private:
    boost::asio::awaitable<Result<void>> converse(const HotRestartState& handover);
    boost::asio::awaitable<std::string> end_process();

    boost::asio::io_context& control_;
    const std::vector<std::string> command_;
    boost::asio::posix::stream_descriptor channel_;
    pid_t process_ = -1;
    bool serves_ = false, sent_go_ = false;
    std::set<std::string> unused_;
};

} // namespace weir::proxy
