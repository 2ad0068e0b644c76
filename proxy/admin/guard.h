// Who may talk to the admin API. Pages in a browser must not reach it: neither across origins nor by a name that
// someone points at this address (DNS rebinding).
//
// Thread: pure function.
// Lifetime: nothing is kept.
#pragma once

#include "conf/config.h"

#include <string_view>

namespace weir::proxy::admin {

struct Caller {
    std::string_view method, host, origin, fetch_site, authorization;
};

struct Verdict {
    int status; // 200: may pass
    const char* why;
};

// `token` empty: none is asked for. Over a unix socket, whose file's mode decides who may connect, Host means nothing.
Verdict check_caller(const Caller& caller, const conf::AdminAddress& own, std::string_view token);

} // namespace weir::proxy::admin
