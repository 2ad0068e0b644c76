// Sends regular watchdog reports (WATCHDOG=1) to systemd if the unit sets WatchdogSec. A report is sent only if the
// control thread runs and the event loop of every worker has responded: if one of them hangs, systemd restarts the
// process.
//
// Thread: the control thread.
// Lifetime: the io_context and the workers must outlive it.
#pragma once

#include "base/timer.h"
#include "proxy/runtime/worker_group.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <optional>

namespace weir::proxy {

class Watchdog {
public:
    // Reads WATCHDOG_USEC and WATCHDOG_PID from the environment.
    Watchdog(boost::asio::io_context& control, WorkerGroup& workers);

    // Starts reporting. Only the main process of the service may report: a process that is being replaced would hide
    // that the new one hangs.
    void start();
    // Stops reporting; systemd then expects the reports of another process.
    void stop();

private:
    boost::asio::awaitable<void> report();

    boost::asio::io_context& control_;
    WorkerGroup& workers_;
    Timer timer_;
    std::optional<std::chrono::microseconds> timeout_;
    bool running_ = false;
};

} // namespace weir::proxy
