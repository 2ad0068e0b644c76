// A listening socket. ListenSockets and the worker that accepts from it own it together, so that a change of the
// configuration can move it from one snapshot to the next; it is closed when both have dropped it.
//
// Thread: any; the descriptor does not change.
// Lifetime: shared.
#pragma once

#include "base/unique_fd.h"
#include "conf/model/address.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weir::proxy {

using ListenSocket = std::shared_ptr<const UniqueFd>;

// For each address the sockets that share its port.
using ListenSocketMap = std::map<conf::Address, std::vector<ListenSocket>>;

// A listening socket of one worker.
struct WorkerSocket {
    ListenSocket socket;
    std::string listener; // its name in the snapshot
};

} // namespace weir::proxy
