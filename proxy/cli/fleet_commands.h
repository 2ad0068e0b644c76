// The command line of `weir fleet …`.
//
// Thread: the main thread.
// Lifetime: the arguments must outlive the parsing.
#pragma once

#include "proxy/cli/commands.h"

namespace CLI {
class App;
}

namespace weir::proxy::cli {

// Adds the options shared by all commands that need a running process.
void add_target(CLI::App& command, Target& target);

// Adds --watch[=SECONDS]; `interval` must outlive the parsing.
void add_watch(CLI::App& command, std::optional<std::chrono::milliseconds>& interval);

// Parses the value of an option that is a duration. Throws CLI::ValidationError if it is malformed.
std::chrono::milliseconds parse_time_option(const std::string& option, const std::string& text);

// `code` receives the exit code of the command.
void add_fleet_commands(CLI::App& app, Target& target, ExitCode& code);

} // namespace weir::proxy::cli
