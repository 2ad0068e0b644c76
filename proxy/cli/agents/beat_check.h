// Checks a backend with an operator's command before each heartbeat.
//
// Thread: the context's.
// Lifetime: the io_context must outlive it.
#pragma once

#include "base/timer.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <string>

#include <sys/types.h>

namespace weir::proxy::cli {

class BeatCheck {
public:
    BeatCheck(boost::asio::io_context& context, std::string command) : timer_(context), command_(std::move(command)) {}

    // Runs the command. Returns true if it exits with 0 within `time`. At the timeout, its process group is killed.
    // Returns true if there is no command.
    boost::asio::awaitable<bool> run(std::chrono::milliseconds time);

private:
    pid_t start();

    Timer timer_;
    std::string command_;
};

} // namespace weir::proxy::cli
