// How commands talk to a running weir: one request over its admin address, and the answer.
//
// Thread: any; blocks.
// Lifetime: the result owns its text.
#pragma once

#include "conf/address.h"

#include <string>

namespace weir::proxy::cli {

struct AdminAnswer {
    int status = 0;
    std::string body;
    std::string error; // why there is no answer
};

enum class AdminMethod { get, post };

AdminAnswer call_admin(const conf::AdminAddress& address, const std::string& token, AdminMethod method,
                       const std::string& target, const std::string& body = {});

} // namespace weir::proxy::cli
