// Tells systemd, where it started weir, which process serves (the protocol of sd_notify(3)). Elsewhere it does nothing.
//
// Thread: any; waits for a second at most.
// Lifetime: nothing is kept.
#pragma once

namespace weir::proxy {

// This process serves now: systemd watches it from here on, though another one may have been started at first.
void tell_service_manager_ready();

} // namespace weir::proxy
