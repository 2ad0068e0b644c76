// Finds the running process that a command addresses, and calls its admin API.
//
// Thread: the main thread.
// Lifetime: the results own their data.
#pragma once

#include "proxy/cli/admin_client.h"
#include "proxy/cli/commands.h"

#include <boost/json/value.hpp>

#include <optional>

namespace weir::proxy::cli {

struct Admin {
    Endpoint endpoint;
    std::string token;
    AdminTls tls = {};
    std::chrono::milliseconds timeout = default_timeout;
    std::function<Result<void>()> check_process = {}; // see AdminRequest

    Result<AdminResponse> call(AdminMethod method, const std::string& target, const std::string& body = {}) const;
};

// Returns the configuration file of a command: the given one, or the default.
const std::string& config_path(const Target& target);

// Returns the admin API to call. On failure, prints the reason to stderr and returns nothing.
std::optional<Admin> find_admin(const Target& target);

// Returns a sentence that says why a call failed, or why its response is not a success.
std::string reason_of(const Result<AdminResponse>& response, const Endpoint& endpoint);

// Calls the process and returns its JSON response; a 409 counts as a response, because its body is a report. On
// failure, prints the reason to stderr and returns nothing.
std::optional<boost::json::value> call(const Target& target, AdminMethod method, const std::string& path,
                                       const std::string& body = {});
std::optional<boost::json::value> call(const Admin& admin, AdminMethod method, const std::string& path,
                                       const std::string& body = {});

} // namespace weir::proxy::cli
