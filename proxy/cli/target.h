// Finding the running process that a command is about.
//
// Thread: the main thread.
// Lifetime: the result owns what it holds.
#pragma once

#include "proxy/cli/admin_client.h"
#include "proxy/cli/commands.h"

#include <optional>

namespace weir::proxy::cli {

struct Admin {
    conf::AdminAddress address;
    std::string token;
};

// Says on stderr what is missing.
std::optional<Admin> find_admin(const Target& target);

// Calls it; an answer other than a success is said on stderr, and unset.
std::optional<AdminAnswer> call(const Target& target, AdminMethod method, const std::string& path,
                                const std::string& body = {});

} // namespace weir::proxy::cli
