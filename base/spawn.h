// Starts programs.
//
// Thread: any.
// Lifetime: the caller waits for the child with waitpid.
#pragma once

#include "base/result.h"

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace weir {

enum class ProcessGroup { inherited, own };

struct Program {
    // A descriptor that the child inherits under a number. Every descriptor above that number is closed.
    struct Channel {
        int descriptor, number;
    };

    std::string path;                                         // looked up in PATH if it has no slash
    std::vector<std::string> arguments;                       // the first one is the name of the program
    std::optional<std::vector<std::string>> environment = {}; // "NAME=value"; absent: that of this process
    std::string output = {};                                  // a file to append both outputs to; empty: inherited
    std::optional<Channel> channel = {};
    ProcessGroup group = ProcessGroup::inherited;
};

// Starts a program with all signals unblocked, whatever this thread blocks. Returns its process id. An error
// has the code of posix_spawn.
Result<pid_t> spawn(Program program);

} // namespace weir
