// Sends one request to the admin API of a running weir and reads the response.
//
// Thread: any; blocks for at most the timeout.
// Lifetime: the result owns its data.
#pragma once

#include "net/async_stream.h"
#include "proxy/cli/admin_tls.h"
#include "proxy/cli/endpoint.h"

#include <chrono>
#include <functional>
#include <string>

namespace weir::proxy::cli {

inline constexpr std::chrono::seconds default_timeout{10};

struct AdminResponse {
    int status = 0;
    std::string body;
};

enum class AdminMethod { get, post };

struct AdminRequest {
    AdminMethod method = AdminMethod::get;
    std::string target, body = {}, token = {};
    AdminTls tls = {};
    std::chrono::milliseconds timeout = default_timeout; // in total, for resolving, connecting and the response
    // Called every `check_interval` while the response is awaited, to check that the process still responds. An error
    // ends the request. May block. If unset, only the timeout ends the request.
    std::function<Result<void>()> check_process = {};
    std::chrono::milliseconds check_interval{5000}; // of `check_process`
};

// Sends the request and returns the response. On failure, the message of the error is a sentence. If connecting failed,
// the error has the code of the system.
Result<AdminResponse> call_admin(const Endpoint& endpoint, const AdminRequest& request);

// Connects to the first of the endpoints that accepts, and completes the TLS handshake if `tls` has a context. Closes
// an earlier connection of the stream.
boost::asio::awaitable<Result<void>> connect(net::AsyncStream& stream, const Endpoint::Sockets& endpoints,
                                             const AdminTls& tls);

// Returns true if the error means that nothing listens at the address, so that no weir runs there.
bool is_nothing_there(const Error& error);

} // namespace weir::proxy::cli
