// Lets in the clients of a route that know a password (RFC 7617). Hashing takes long, so it happens on other threads,
// while the client's coroutine waits.
//
// Thread: one worker's thread.
// Lifetime: the client and the route must outlive the task.
#pragma once

#include "proxy/io/task.h"
#include "proxy/log/failure_reason.h"
#include "proxy/snapshot/snapshot.h"
#include "proxy/worker/client.h"

#include <string_view>

namespace weir::proxy::http {

// Who a client is, or why it is not let in.
struct Authentication {
    Failure failure{};
    std::string_view user{}; // points into the route's users
};

// Checks the value of a request's Authorization field, which may be empty, against the users of a route.
Task<Authentication> authenticate(Client& client, const conf::Users& users, std::string_view authorization);

} // namespace weir::proxy::http
