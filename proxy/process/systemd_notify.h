// Reports the state of this process to systemd with the protocol of sd_notify(3). Without NOTIFY_SOCKET in the
// environment these functions do nothing.
//
// Thread: any; a call blocks for at most one second.
// Lifetime: keeps nothing.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace weir::proxy {

// Sends assignments such as "READY=1", one per line.
void notify_systemd(std::string_view assignments);

// Reports that this process serves, and makes it the main process of the service, even if systemd started another one.
// `systemctl status` shows `status`.
void notify_ready(std::string_view status = {});

// Reports that weir is stopping and needs up to `limit` for it, which may exceed the unit's TimeoutStopSec.
void notify_stopping(std::chrono::microseconds limit);

// Returns the interval within which systemd expects a watchdog report from process `self`, given the values of
// WATCHDOG_USEC and WATCHDOG_PID (null if unset). Returns nothing if systemd expects none from this process.
std::optional<std::chrono::microseconds> watchdog_timeout(const char* usec, const char* pid, long self);

} // namespace weir::proxy
