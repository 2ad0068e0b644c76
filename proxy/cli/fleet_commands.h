// The command line of `weir fleet …`.
//
// Thread: the main thread.
// Lifetime: what is given must outlive the parsing.
#pragma once

#include "proxy/cli/commands.h"

namespace CLI {
class App;
}

namespace weir::proxy::cli {

// What every command about a running process takes.
void add_target(CLI::App& command, Target& target);

// `code` gets what the command returns.
void add_fleet_commands(CLI::App& app, Target& target, int& code);

} // namespace weir::proxy::cli
