#include "proxy/process/watchdog.h"

#include "proxy/log/logger.h"
#include "proxy/process/systemd_notify.h"

#include <boost/asio/co_spawn.hpp>

#include <cstdlib>

#include <unistd.h>

namespace weir::proxy {

namespace asio = boost::asio;

Watchdog::Watchdog(asio::io_context& control, WorkerGroup& workers)
    : control_(control), workers_(workers), timer_(control),
      timeout_(watchdog_timeout(std::getenv("WATCHDOG_USEC"), std::getenv("WATCHDOG_PID"), ::getpid())) {}

void Watchdog::start() {
    if (!timeout_ || running_) return;
    running_ = true;
    asio::co_spawn(control_, report(), log::log_exception);
}

void Watchdog::stop() {
    running_ = false;
    timer_.cancel();
}

asio::awaitable<void> Watchdog::report() {
    while (running_) {
        co_await workers_.wait_for_all();
        if (!running_) break;
        notify_systemd("WATCHDOG=1");
        timer_.expires_after(*timeout_ / 3); // systemd recommends two reports per period
        co_await timer_.wait();
    }
}

} // namespace weir::proxy
