// Decides which requests the admin API accepts, from their heads alone, before any part of a body is read.
//
// Web pages in a browser must not reach the API, neither across origins nor through a host name that an attacker points
// at its address (DNS rebinding).
//
// Thread: pure functions.
// Lifetime: keeps nothing.
#pragma once

#include "conf/read/token_file.h"

#include <string>
#include <string_view>
#include <vector>

namespace weir::proxy::admin {

// The parts of a request head that the decision depends on.
struct Caller {
    std::string_view method, host, origin, fetch_site, authorization;
};

// The configured access rules.
struct AccessRules {
    conf::AdminAddress own;
    std::vector<std::string> hosts; // accepted host names, besides its own addresses
    conf::AdminTokens tokens;       // `full` empty: no token is needed
    const char* scheme = "http://"; // of its own URLs
};

// What protects a resource.
enum class Protection {
    none,       // health pages, for load balancers and orchestrators
    signature,  // heartbeats, whose bodies are signed
    credential, // everything else
};

// What the credentials of a request permit.
enum class Access { none, read, full };

struct Verdict {
    int status; // 200: the request is accepted
    const char* reason;
    Access access;
};

// Returns the verdict on a caller. For a unix socket, the file mode controls access, and `Host` is not checked.
Verdict check_caller(const Caller& caller, const AccessRules& rules, Protection protection);

} // namespace weir::proxy::admin
