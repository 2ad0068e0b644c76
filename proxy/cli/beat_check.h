// Looks whether a backend is well, with a command of the operator's.
//
// Thread: the context's.
// Lifetime: the io_context must outlive it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <string>

#include <sys/types.h>

namespace weir::proxy::cli {

class BeatCheck {
public:
    BeatCheck(boost::asio::io_context& context, std::string command) : timer_(context), command_(std::move(command)) {}

    // Whether it ended with 0 within `time`; one that takes longer is killed, with all that it has started. Without a
    // command all is well.
    boost::asio::awaitable<bool> run(std::chrono::milliseconds time);

private:
    pid_t start();

    boost::asio::steady_timer timer_;
    std::string command_;
};

} // namespace weir::proxy::cli
