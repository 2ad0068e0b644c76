// Resolves host names with the system resolver (nsswitch, /etc/hosts, DNS).
//
// Thread: any; blocks for as long as the system resolver does.
// Lifetime: the result owns its data.
#pragma once

#include "base/result.h"
#include "conf/model/address.h"

#include <functional>
#include <string>
#include <vector>

namespace weir::proxy {

// The addresses of a host: at least one, sorted and without ports.
using ResolvedHost = Result<std::vector<conf::Address>>;

// Resolves one host name. It may block, and is called on several threads at once.
using LookUp = std::function<ResolvedHost(const std::string& host)>;

// Returns the addresses of `host` from the system's resolver. Fails if there are none. Omits IPv6 addresses without a
// route unless there are no other addresses.
ResolvedHost look_up(const std::string& host);

} // namespace weir::proxy
