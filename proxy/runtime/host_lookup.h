// Resolves host names with the system resolver (nsswitch, /etc/hosts, DNS).
//
// Thread: any; blocks for as long as the system resolver does.
// Lifetime: the result owns its data.
#pragma once

#include "conf/model/address.h"

#include <string>
#include <vector>

namespace weir::proxy {

struct ResolvedHost {
    std::vector<conf::Address> addresses; // sorted and without ports; if empty, `error` gives the reason
    std::string error;
};

// Returns the addresses of `host`. Omits IPv6 addresses without a route unless there are no other addresses.
ResolvedHost look_up(const std::string& host);

} // namespace weir::proxy
