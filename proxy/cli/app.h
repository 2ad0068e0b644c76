// Parses the command line and runs the command.
//
// Thread: the main thread.
// Lifetime: runs one command to its end.
#pragma once

#include "proxy/process/exit_code.h"

namespace weir::proxy::cli {

ExitCode main(int argc, char** argv);

} // namespace weir::proxy::cli
