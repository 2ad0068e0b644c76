// The addresses of a host name, as the system finds them (nsswitch, /etc/hosts, DNS).
//
// Thread: any; blocks for as long as the system takes.
// Lifetime: the result owns everything.
#pragma once

#include "conf/address.h"

#include <string>
#include <vector>

namespace weir::proxy {

struct Found {
    std::vector<conf::Address> addresses; // without a port, sorted; empty: none, and `why` says the reason
    std::string why;
};

// IPv6 addresses that this machine has no way to are left out, unless there are no others.
Found look_up(const std::string& host);

} // namespace weir::proxy
