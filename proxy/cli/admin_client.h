// Sends one request to the admin API of a running weir and reads the response.
//
// Thread: any; blocks for at most the timeout.
// Lifetime: the result owns its text.
#pragma once

#include "proxy/cli/endpoint.h"

#include <chrono>
#include <functional>
#include <string>

namespace weir::proxy::cli {

inline constexpr std::chrono::seconds default_timeout{10};

// `no` if nothing listens at the address, so that no weir runs there.
enum class Listening { unknown, no };

struct AdminAnswer {
    int status = 0;
    std::string body;
    std::string error; // why there is no response, as a sentence
    Listening listening = Listening::unknown;
};

enum class AdminMethod { get, post };

struct AdminRequest {
    AdminMethod method = AdminMethod::get;
    std::string target, body = {}, token = {};
    std::chrono::milliseconds timeout = default_timeout; // in total, for resolving, connecting and the response
    // Checks whether the process still answers, while the response is awaited; ends the request with the error that it
    // returns. May block. Unset: the timeout alone ends the request.
    std::function<std::string()> find_problem = {};
    std::chrono::milliseconds check_interval{5000}; // of `find_problem`
};

AdminAnswer call_admin(const Endpoint& endpoint, const AdminRequest& request);

} // namespace weir::proxy::cli
