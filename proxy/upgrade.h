// The old process's side of a binary upgrade: it starts the program anew, hands over what it has (handover.h), and goes
// once the new process says that it serves. If that one fails to start, nothing has happened.
//
// Thread: the control thread; nothing blocks.
// Lifetime: coroutines hold what they use.
#pragma once

#include "proxy/handover.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <string>

#include <sys/types.h>

namespace weir::proxy {

struct UpgradeResult {
    pid_t process = -1; // that has taken over
    std::string error;  // why none has
};

// Starts the program of this process's command line, as the file system has it now.
boost::asio::awaitable<UpgradeResult> upgrade(boost::asio::io_context& control, const Handover& handover);

} // namespace weir::proxy
