// The exit codes of the program and of all its commands.
//
// Thread: any.
// Lifetime: values.
#pragma once

namespace weir::proxy {

enum class ExitCode {
    done = 0,
    refused = 1, // refused, or failed
    usage = 2,   // the command line is wrong
    cut_off = 3, // a drain timed out, and connections were cut
};

} // namespace weir::proxy
