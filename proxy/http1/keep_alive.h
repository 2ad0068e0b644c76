// How long a backend keeps an idle connection open, according to its Keep-Alive field ("timeout=5, max=100").
//
// The field is hop-by-hop and in no current RFC; Apache, nginx and Node send it. Only `timeout` matters: a server that
// has reached its `max` sends `Connection: close` with its last response.
//
// Thread: pure functions.
// Lifetime: values.
#pragma once

#include "conf/model/units.h"
#include "proxy/http1/fields.h"

#include <chrono>
#include <optional>
#include <vector>

namespace weir::proxy::http {

// Returns the smallest `timeout` of all Keep-Alive fields, in seconds; unset if no field has a valid one.
std::optional<std::chrono::seconds> keep_alive_timeout(const std::vector<Field>& fields);

// When a connection became idle. For weir, this is when the client had received the whole response. For the backend, it
// is when the backend had sent the whole response, which is much earlier if the client is slow.
struct IdleStart {
    std::chrono::steady_clock::time_point here, at_backend;
};

// Returns the time until which to keep an idle connection: for at most `configured`, and enough less than the backend's
// own timeout that weir sends no request while the backend closes the connection.
std::chrono::steady_clock::time_point keep_until(IdleStart since, conf::Duration configured,
                                                 std::optional<std::chrono::seconds> backend_timeout);

} // namespace weir::proxy::http
