// Repeats a request and shows the responses, for `--watch`.
//
// Thread: the main thread; ends with the process.
// Lifetime: keeps nothing.
#pragma once

#include "proxy/cli/commands.h"
#include "proxy/cli/target.h"

#include <boost/json/fwd.hpp>

#include <functional>
#include <string>

namespace weir::proxy::cli {

// Requests `path` every `interval` and prints the response until SIGINT ends the process with exit code 0. On a
// terminal, each text replaces the previous one; elsewhere, the texts follow each other, each with its time. JSON is
// one document per line. If the process does not respond, it retries, because the process may be starting. Returns only
// if no request can be made or the output fails.
ExitCode watch(const Target& target, const std::string& path, Output output, std::chrono::milliseconds interval,
               const std::function<std::string(const boost::json::object&)>& to_text);

} // namespace weir::proxy::cli
